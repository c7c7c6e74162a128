"""Finds and reproduces the mistakes that make a VQA accuracy lie, in any Gluon network."""

from __future__ import annotations

from vqa.doctor.checks import examine
from vqa.doctor.findings import Finding

__all__ = ["Finding", "examine"]
