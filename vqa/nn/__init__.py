"""Gluon blocks: a batch in, raw logits out."""
