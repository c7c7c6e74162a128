"""Finds and reproduces the mistakes that make a VQA accuracy lie, in any Gluon network."""

from __future__ import annotations

from vqa.doctor.accumulation import Deaccumulated, deaccumulate
from vqa.doctor.checks import examine
from vqa.doctor.evaluating import check_evaluation
from vqa.doctor.findings import Finding

__all__ = ["Deaccumulated", "Finding", "check_evaluation", "deaccumulate", "examine"]
