"""WUPS in a report: each threshold with its interval, its blind baselines and the ceiling of the vocabulary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vqa.scoring.answer_sets import AnswerSets, Floats, Strings
from vqa.scoring.intervals import Clusters, Rate
from vqa.scoring.report_schema import WupsRate
from vqa.scoring.wups import THRESHOLDS, Wups


def wups_rates(
    predictions: Sequence[str] | Strings,
    sets: AnswerSets,
    clusters: Clusters,
    *,
    blind: Mapping[str, Sequence[str]],
    vocabulary: Sequence[str] | None,
) -> dict[str, WupsRate]:
    """Return the rates at the published thresholds, by threshold as text: "0.0", "0.9".

    Parameters
    ----------
    predictions : N answers
    sets : the human answers of the N questions
    clusters : of the N questions
    blind : the N answers of each blind baseline, by its name
    vocabulary : the answers that could be predicted; without it there is no ceiling

    Raises
    ------
    InstallationError
        NLTK or WordNet is not installed.
    """
    wups = Wups()
    found = {}
    for threshold in THRESHOLDS:
        baselines = {name: _rate(clusters, wups.scores(answers, sets, threshold)) for name, answers in blind.items()}
        ceiling = None if vocabulary is None else _rate(clusters, wups.ceiling(vocabulary, sets, threshold))
        rate = _rate(clusters, wups.scores(predictions, sets, threshold))
        found[str(threshold)] = WupsRate(**vars(rate), baselines=baselines, vocabulary_ceiling=ceiling)
    return found


def _rate(clusters: Clusters, values: Floats) -> Rate:
    rate = clusters.rate(values)
    assert rate is not None, "every question has a value, and there is at least one"
    return rate
