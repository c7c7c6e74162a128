"""Measurements of speed and memory, beside what a user would pick instead; `python -m vqa.benchmark` runs them."""
