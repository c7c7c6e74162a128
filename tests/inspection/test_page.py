"""Data embedded in a page cannot become markup, and numbers keep their rule."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vqa.data.image_files import ImageFolder
from vqa.data.originals import Originals
from vqa.inspection import charts
from vqa.inspection.explorer import System, compact, explorer_data, facet
from vqa.inspection.page import content_security_policy, embed_json
from vqa.inspection.prediction_rows import question_table
from vqa.inspection.summary import confusion, summary
from vqa.inspection.thumbnails import BUDGET, thumbnails
from vqa.scoring.report import evaluate
from vqa.scoring.report_schema import WupsRate


@settings(deadline=None)
@given(st.recursive(st.text() | st.floats(allow_nan=False, allow_infinity=False), st.lists))
def test_embedded_json_is_the_value_and_holds_no_markup(value: Any) -> None:
    text = str(embed_json(value))
    assert json.loads(text) == value
    assert not set(text) & set("<>&\u2028\u2029")


def test_policy_names_exactly_what_may_run() -> None:
    # printf 'a' | openssl dgst -sha256 -binary | base64
    policy = content_security_policy(["a"], ["a"])
    assert "default-src 'none'" in policy
    assert "script-src 'sha256-ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs='" in policy
    assert "unsafe" not in policy


@settings(deadline=None)
@given(st.floats(0, 1))
def test_compact_numbers_stay_below_one(value: float) -> None:
    rounded = compact(value)
    assert rounded is not None
    assert (rounded == 1) == (value == 1)
    assert rounded == pytest.approx(value, rel=1e-5)


def test_explorer_holds_every_question_once(frame: pd.DataFrame) -> None:
    data = explorer_data([System("run", frame)], [facet("type", "Type", frame["answer_type"].tolist())], [])
    strings, rows, system = data["strings"], data["rows"], data["systems"][0]
    assert len(strings) == len(set(strings))
    assert [strings[number] for number in rows["question"]] == frame["question"].tolist()
    assert [data["images"][number] for number in rows["image"]] == frame["image_id"].tolist()
    # q1: blue twice, navy once; top blue 0.75, red 0.25.
    assert [strings[n] if i % 2 == 0 else n for i, n in enumerate(rows["answers"][0])] == ["blue", 2, "navy", 1]
    assert [strings[n] if i % 2 == 0 else n for i, n in enumerate(system["top"][0])] == ["blue", 0.75, "red", 0.25]
    assert system["probability"][3] == 0.999999
    (types,) = data["facets"]
    assert types["values"] == ["color", "yes/no", "shape"]
    assert types["column"] == [0, 2, 1, 1, -1, 0]


def test_confusion_by_hand(frame: pd.DataFrame) -> None:
    table = confusion(frame)
    assert table is not None
    counts = {
        (row["name"], column): cell["count"]
        for row in table["rows"]
        for column, cell in zip(table["columns"], row["cells"])
        if cell["count"]
    }
    # Hits are on the diagonal (grey is right for q6); of a miss the commonest human answer is expected.
    assert counts == {
        ("blue", "blue"): 1, ("circle", "square"): 1, ("yes", "no"): 1, ("no", "no"): 1, ("grey", "grey"): 1,
        ("<b>bold</b>", "<i>no</i>"): 1,
    }  # fmt: skip
    (cell,) = [cell for row in table["rows"] if row["name"] == "circle" for cell in row["cells"] if cell["count"]]
    assert cell["search"] == 'truth:"circle" prediction:"square"'
    assert cell["style"] == "miss"


def decoded(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text)))


def test_a_rate_over_some_of_the_questions_says_over_how_many(frame: pd.DataFrame) -> None:
    frame.at[0, "answers"] = ("blue",)
    report = evaluate(question_table(frame, "frame"), frame["prediction"].tolist()).report
    shown = summary(report, frame, None)
    names = [rung["name"] for rung in shown["rungs"]] + [rule["name"] for rule in shown["rules"]]
    assert {"this run", "human agreement (5 questions)", "per split", "VQA official (5 questions)"} <= set(names)


def test_wups_stands_among_the_rules_with_its_ceiling(frame: pd.DataFrame) -> None:
    report = evaluate(question_table(frame, "frame"), frame["prediction"].tolist()).report
    best = report.any_of
    rate = WupsRate(0.25, 6, 0.1, 0.5, baselines={}, vocabulary_ceiling=best)
    shown = summary(dataclasses.replace(report, wups={"0.9": rate}), frame, None)
    (rule,) = [rule for rule in shown["rules"] if rule["name"] == "WUPS@0.9"]
    assert (rule["rate"], rule["ceiling"]) == (rate, best.value)
    assert not any("WUPS" in rule["name"] for rule in summary(report, frame, None)["rules"])


def test_each_image_has_one_thumbnail_and_a_missing_one_is_named(pictures: Originals) -> None:
    found = thumbnails(pictures, ["a", "b", "", "gone"])
    assert found.page is not None
    assert [text is not None for text in found.page["data"]] == [True, True, False, False]
    assert found.page["sharp"]
    assert sum(len(text or "") for text in found.page["data"]) < BUDGET
    ((name, reason),) = found.faults
    assert name == "gone"
    assert "image 'gone' is not in" in reason
    assert decoded(found.page["data"][0]).size == (60, 40)


def test_photographs_keep_their_proportions_and_are_scaled_down(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "wide.jpg")
    Image.fromarray(noise.transpose(1, 0, 2)).save(tmp_path / "tall.jpg")
    page = thumbnails(Originals(ImageFolder(tmp_path)), ["wide", "tall"]).page
    assert page is not None
    assert [decoded(text).size for text in page["data"]] == [(320, 240), (240, 320)]
    assert not page["sharp"]


def test_many_thumbnails_shrink_until_they_fit(pictures: Originals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vqa.inspection.thumbnails.BUDGET", 400)
    monkeypatch.setattr("vqa.inspection.thumbnails.SIZES", ((60, 60), (12, 20)))
    page = thumbnails(pictures, ["b"]).page
    assert page is not None
    assert decoded(page["data"][0]).size == (12, 8)
    monkeypatch.setattr("vqa.inspection.thumbnails.BUDGET", 10)
    assert thumbnails(pictures, ["b"]) == (None, [("b", "1 images are too many for one page")])


def test_no_pictures_without_files(pictures: Originals) -> None:
    assert thumbnails(None, ["a"]) == (None, [])
    assert thumbnails(pictures, [""]) == (None, [])


def test_charts_escape_and_leave_out_what_is_not_there() -> None:
    line = charts.Series("<any>", "a", [(1, 0.5), (2, float("nan")), (3, 0.75)])
    svg = charts.line_chart([line], "epoch <x>", 0.0, 1.0)
    assert "<any>" not in svg
    assert "&lt;any&gt;" in svg
    assert "nan" not in svg
    assert charts.line_chart([charts.Series("a", "a", [(1, float("nan"))])], "epoch") == ""
    assert charts.bar(None) == ""


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.41, 0.99, [0.4, 0.6, 0.8, 1.0]),
        (0.0, 2.3, [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]),
        (0.993, 0.998, [0.99, 0.995, 1.0]),
    ],
)
def test_ticks_are_round_and_enclose_the_data(low: float, high: float, expected: list[float]) -> None:
    np.testing.assert_allclose(charts._ticks(low, high, 0.0, None), expected, atol=1e-12)


def test_ticks_do_not_leave_the_bounds() -> None:
    ticks = charts._ticks(0.97, 1.0, 0.0, 1.0)
    assert ticks[-1] <= 1.0 + 1e-9
    assert ticks[0] <= 0.97
    one = charts._ticks(1.0, 1.0, 0.0, 1.0)
    assert one[0] < one[-1] <= 1.0 + 1e-9
