"""WUPS in the report, between its blind baselines and its ceiling."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_tables import Table

from vqa.data.cards import load_card
from vqa.errors import ConfigError, InstallationError
from vqa.scoring import wordnet
from vqa.scoring.report import evaluate
from vqa.scoring.wordnet import Nouns

TRAIN = Table([("dog",), ("dog",), ("2",)], question=["what is it", "what is it", "how many"])
QUESTIONS = Table(
    [("dog",), ("dog",), ("3",)], image_id=["a", "b", "c"], question=["what is it", "what is it", "how many"]
)
PREDICTIONS = ["dog", "cat", "2"]
# dog and cat meet in carnivore, at depth 12 with the root at 1, two edges above each.
CAT_DOG = 24 / 28


@pytest.fixture
def nouns() -> Nouns:
    pytest.importorskip("nltk", reason="the extra 'wups' is not installed: pip install 'vqa[wups]'")
    try:
        return Nouns()
    except InstallationError as error:
        pytest.skip(str(error))


def test_rates_with_baselines_and_ceiling_by_hand(nouns: Nouns) -> None:
    report = evaluate(QUESTIONS, PREDICTIONS, train=TRAIN, answer_vocabulary=["dog", "cat", "2"], wups=True).to_json()
    two_three = float(nouns.similarities(["2"], ["3"])[0][0, 0])
    for threshold, cat_dog, number in (("0.0", CAT_DOG, two_three), ("0.9", 0.1 * CAT_DOG, 0.1 * two_three)):
        rate = report["wups"][threshold]
        assert rate["n"] == 3
        assert rate["value"] == pytest.approx((1 + cat_dog + number) / 3)
        assert rate["low"] <= rate["value"] <= rate["high"]
        # Per exact question: "dog" twice, and "2".
        assert rate["baselines"]["prior_per_question"]["value"] == pytest.approx((2 + number) / 3)
        assert rate["vocabulary_ceiling"]["value"] == pytest.approx((2 + number) / 3)
    assert list(report["wups"]) == ["0.0", "0.9"]
    assert set(report["wups"]["0.9"]["baselines"]) == set(report["baselines"])


def test_the_text_has_a_line_for_each_number(nouns: Nouns) -> None:
    text = evaluate(QUESTIONS, PREDICTIONS, train=TRAIN, answer_vocabulary=["dog"], wups=True).to_text()
    lines = text.splitlines()
    for threshold in ("0.0", "0.9"):
        (start,) = [number for number, line in enumerate(lines) if line.startswith(f"WUPS@{threshold} ")]
        assert lines[start + 1].startswith("  best blind baseline")
        assert lines[start + 2].startswith("  ceiling: answer vocabulary")
    bare = evaluate(QUESTIONS, PREDICTIONS, wups=True).to_json()["wups"]["0.0"]
    assert (bare["baselines"], bare["vocabulary_ceiling"]) == ({}, None)


def test_a_report_has_no_wups_unless_asked() -> None:
    evaluation = evaluate(QUESTIONS, PREDICTIONS, train=TRAIN)
    assert evaluation.to_json()["wups"] is None
    assert "WUPS" not in evaluation.to_text()


def test_without_wordnet_a_note_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("nltk", reason="the extra 'wups' is not installed: pip install 'vqa[wups]'")
    import nltk.data

    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    monkeypatch.setattr(wordnet, "DEBIAN_FOLDER", tmp_path / "none")
    evaluation = evaluate(QUESTIONS, PREDICTIONS, train=TRAIN, wups=True)
    assert evaluation.report.wups is None
    assert "note: wups: not computed: WUPS needs the files of WordNet 3.0" in evaluation.to_text()
    assert evaluation.report.any_of.value == pytest.approx(1 / 3)


def test_a_card_asks_for_it(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text("question,answer\nwhat is it,dog\n", encoding="utf-8")
    card = tmp_path / "card.toml"
    text = 'name = "x"\nformat = "csv"\n{}[splits.train]\nfile = "q.csv"\n'
    card.write_text(text.format(""), encoding="utf-8")
    assert not load_card(card).wups
    card.write_text(text.format("wups = true\n"), encoding="utf-8")
    assert load_card(card).wups
    card.write_text(text.format('wups = "yes"\n'), encoding="utf-8")
    with pytest.raises(ConfigError, match="wups must be true or false, got 'yes'"):
        load_card(card)
