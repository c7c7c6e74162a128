"""How many questions are needed: against a published value, and the power that they give in simulation."""

from __future__ import annotations

import numpy as np
import pytest

from vqa.errors import ConfigError
from vqa.scoring.answer_sets import Floats, Integers
from vqa.scoring.plan import PairedQuestions, assumed, measured, plan
from vqa.scoring.sign_flips import sign_flip_p


def test_by_hand() -> None:
    # (1.959964 sqrt(0.2) + 0.841621 sqrt(0.2 - 0.1^2))^2 / 0.1^2 = (0.876523 + 0.366853)^2 / 0.01 = 154.6
    found = plan(0.1, PairedQuestions(1000, 200, 0.2, 1.0, ""))
    assert (found.questions, found.images) == (155, 31)
    # A design effect of 2 needs twice as many questions, about twice as many images.
    assert plan(0.1, PairedQuestions(1000, 200, 0.2, 2.0, "")).questions == 310
    assert found.detectable is not None
    assert plan(found.detectable, found.pair).questions in (1000, 1001)
    assert plan(0.1, found.pair, level=0.01).questions > 155 < plan(0.1, found.pair, power=0.9).questions


def test_too_few_differ() -> None:
    with pytest.raises(ConfigError, match=r"a difference of 0.3 needs at least 30.0% .* got a disagreement of 20.0%"):
        plan(0.3, PairedQuestions(1000, 200, 0.2, 1.0, ""))
    assert plan(0.1, PairedQuestions(5, 5, 0.2, 1.0, "")).detectable is None


def test_assumed_and_measured() -> None:
    names = [str(row // 4) for row in range(40)]
    pair = assumed(names, 0.2, 0.1)
    assert (pair.questions, pair.images, pair.disagreement) == (40, 10, 0.2)
    assert pair.design_effect == pytest.approx(1.3)
    together = np.repeat([1.0, 0.0], 20)
    one = measured(names, together, None, 0.25)
    # Ten images that are right or wrong as a whole: 4, but for 10 / 9 over 40 / 39.
    assert one.design_effect == pytest.approx(4 * (10 / 9) / (40 / 39))
    assert one.disagreement == 0.25
    two = measured(names, together, np.where(np.arange(40) < 4, 0.0, together))
    assert two.disagreement == pytest.approx(0.1)
    assert two.known_from == "both measured on the two files"
    alternating = np.tile([1.0, 0.0], 20)
    assert measured(names, alternating, None).design_effect == 1


@pytest.mark.parametrize(("size", "correlation"), [(1, 0.0), (5, 0.0), (5, 0.3)])
def test_the_questions_give_the_power(size: int, correlation: float) -> None:
    """As many questions as planned: the test finds the difference in 80 % of samples, within 6 %."""
    generator = np.random.default_rng(size)
    needed = plan(0.05, assumed([str(row // size) for row in range(1000)], 0.2, correlation))
    clusters = np.repeat(np.arange(needed.images), size)
    found = []
    for _ in range(400):
        chances = {"p": [0.125, 0.075, 0.8]}
        images = generator.choice([1, -1, 0], size=needed.images, **chances)[clusters]
        questions = generator.choice([1, -1, 0], size=len(clusters), **chances)
        follows = generator.random(len(clusters)) < correlation**0.5
        found.append(sign_flip_p(np.where(follows, images, questions), clusters) < 0.05)
    assert np.mean(found) == pytest.approx(0.8, abs=0.06)


def test_the_power_from_measured_files() -> None:
    """Two systems on a pilot of 300 images say how many questions of that kind tell them apart."""
    generator = np.random.default_rng(5)

    def hits(images: int) -> tuple[Integers, Floats, Floats]:
        """The second system is right more often by 0.06; on some images by 0.36, on others less often."""
        clusters = np.repeat(np.arange(images), 4)
        chances, shift = generator.uniform(0.3, 0.6, size=images), generator.choice([0.36, -0.24], size=images)
        first, second = (generator.random(len(clusters)) < each[clusters] for each in (chances, chances + shift))
        return clusters, first.astype(np.float64), second.astype(np.float64)

    clusters, first, second = hits(300)
    needed = plan(0.06, measured([str(each) for each in clusters], first, second))
    assert 1.2 < needed.pair.design_effect < 2
    found = []
    for _ in range(400):
        clusters, first, second = hits(needed.images)
        found.append(sign_flip_p(second - first, clusters) < 0.05)
    assert np.mean(found) == pytest.approx(0.8, abs=0.08)
