"""Pretrained image encoders, extraction, and features files."""
