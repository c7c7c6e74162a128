"""Finds and reproduces the mistakes that make a VQA accuracy lie, in any Gluon network."""
