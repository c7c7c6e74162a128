"""Measurements of speed and memory, beside what a user would pick instead; scripts/benchmark.py runs them."""
