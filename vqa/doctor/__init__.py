"""Finds and reproduces the mistakes that make a VQA accuracy misleading, in any Gluon network."""

from __future__ import annotations

from vqa.doctor.accumulation import Deaccumulated, deaccumulate
from vqa.doctor.evaluation_check import check_evaluation
from vqa.doctor.examination import examine
from vqa.doctor.findings import Finding, Findings

__all__ = ["Deaccumulated", "Finding", "Findings", "check_evaluation", "deaccumulate", "examine"]
