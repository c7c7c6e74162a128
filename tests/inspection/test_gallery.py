"""The gallery in a headless browser: rows follow filters, nothing from a file acts, nothing is fetched."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vqa.display import visible
from vqa.inspection.comparison import write_comparison_html
from vqa.inspection.gallery import write_gallery
from vqa.inspection.source import Source
from vqa.inspection.thumbnails import thumbnails
from vqa.scoring.compare import PredictionSet, compare

HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2, 3],
        "train_loss": [2.0, 1.5, 1.2],
        "loss": [2.1, 1.6, 1.4],
        "any_of": [0.4, 0.6, 0.7],
        "per_split": [0.3, 0.4, 0.5],
        "per_split_ceiling": [0.6, 0.6, 0.6],
        "vqa_official": [0.1, 0.2, 0.3],
        "seconds": [1.0, 1.0, 1.0],
    }
)


class PicturedSource(Source):
    """Predictions whose images and history are at hand."""

    def __init__(self, name: str, frame: pd.DataFrame, store: Any = None) -> None:
        super().__init__(name, frame, {"activation": "softmax", "card": "<b>card</b>", "seed": 1})
        self.store = store

    def thumbnails(self, image_ids: list[str]) -> Any:
        return thumbnails(self.store, image_ids)

    def history(self) -> pd.DataFrame:
        return HISTORY


@pytest.fixture
def gallery(tmp_path: Path, frame: pd.DataFrame, pictures: Any) -> str:
    path = tmp_path / "gallery.html"
    write_gallery(path, PicturedSource("runs/<i>x</i>", frame, pictures))
    return path.as_uri()


def questions(page: Any) -> list[str]:
    """Return the questions shown, from the top down, once what was asked of the page before is drawn."""
    page.evaluate("() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    rows = page.eval_on_selector_all(
        ".question", "rows => rows.map(row => [Number(row.dataset.position), row.querySelector('h3').textContent])"
    )
    return [text for _, text in sorted(rows)]


def open_page(page: Any, address: str) -> None:
    page.goto(address)
    page.wait_for_selector(".ready .question")
    page.evaluate("document.getElementById('explorer').scrollIntoView()")


def assert_calm(page: Any) -> None:
    assert page.complaints == []
    assert {address.partition(":")[0] for address in page.requested} <= {"file", "data"}
    assert sum(address.startswith("file:") for address in page.requested) == 1


def test_the_file_names_no_other_host(gallery: str) -> None:
    text = Path(gallery.removeprefix("file://")).read_text(encoding="utf-8")
    text = re.sub(r'<script type="application/json".*?</script>', "", text, flags=re.DOTALL)
    assert not re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?!data:)[a-z/#.]", text)
    assert "http" not in re.sub(r'http-equiv="Content-Security-Policy"', "", text)


def test_texts_from_files_do_nothing(page: Any, gallery: str, frame: pd.DataFrame) -> None:
    open_page(page, gallery)
    page.wait_for_selector(".picture img")
    page.locator(".question").nth(len(frame) - 1).wait_for(state="attached")
    assert questions(page) == [visible(text) for text in frame["question"]]
    assert "alert(1)" in page.inner_text("#list")
    assert page.title() == "runs/<i>x</i>"
    assert page.locator("#list script, [onerror], main i, main b:not(#count), h1 i").count() == 0
    assert_calm(page)


def test_the_policy_stops_what_might_slip_in(page: Any, gallery: str) -> None:
    open_page(page, gallery)
    page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.hacked = true';"
        " document.body.append(s); const i = new Image(); i.src = 'https://example.invalid/x.png';"
        " document.body.append(i); }"
    )
    assert page.evaluate("window.hacked") is None
    assert all("Content Security Policy" in text for text in page.complaints)
    assert len(page.complaints) == 2


def test_filters_search_and_order_change_the_rows(page: Any, gallery: str) -> None:
    open_page(page, gallery)
    assert page.inner_text("#count") == "6 questions"
    page.get_by_label("Result").select_option(label="miss (3)")
    assert page.inner_text("#count") == "3 of 6 questions"
    assert [text[:10] for text in questions(page)] == ["what shape", "is it blue", "<script>al"]
    page.get_by_label("Sort").select_option(label="highest loss")
    assert [text[:10] for text in questions(page)] == ["<script>al", "is it blue", "what shape"]
    page.get_by_label("Answer type").select_option(label="yes/no (2)")
    assert questions(page) == ["is it blue?"]
    page.click("#reset")
    page.get_by_label("Sort").select_option(label="lowest margin")
    assert questions(page)[:2] == ["is it blue?", "what shape is it?"]
    page.fill("#search", "COLOR sky")
    assert questions(page) == ["what color is the SKY?"]
    page.fill("#search", "navy")
    assert questions(page) == ["what color is it?"]
    page.fill("#search", 'image:b prediction:"no"')
    assert sorted(questions(page)) == ["is it blue?", "is it red?"]
    page.fill("#search", "zebra")
    assert questions(page) == []
    assert page.is_visible("#nothing")
    assert_calm(page)


def test_the_summary_leads_to_the_questions_behind_a_number(page: Any, gallery: str) -> None:
    open_page(page, gallery)
    page.click('.confusion button[data-search=\'truth:"circle" prediction:"square"\']')
    assert questions(page) == ["what shape is it?"]
    page.click("button[data-facet=mistake][data-value=other]")
    assert [text[:10] for text in questions(page)] == ["what shape", "is it blue", "<script>al"]
    page.click("button[data-facet=answer_type][data-value='yes/no']")
    assert questions(page) == ["is it blue?", "is it red?"]
    assert_calm(page)


def test_probabilities_below_one_are_not_shown_as_one(page: Any, gallery: str) -> None:
    open_page(page, gallery)
    page.fill("#search", "id:q4")
    row = page.inner_text(".question")
    assert "0.9999" in row
    assert "1.0000" not in row


def test_the_keyboard_reaches_everything(page: Any, gallery: str) -> None:
    open_page(page, gallery)
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.dataset.position") == "1"
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.dataset.position") == "5"
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    assert page.inner_text("#detail-title") == "what color is it?"
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#detail-title") == "what shape is it?"
    page.click("#same-image")
    assert questions(page) == ["what color is it?", "what shape is it?"]
    page.keyboard.press("Escape")
    assert_calm(page)


def test_a_long_list_draws_only_what_is_seen(page: Any, tmp_path: Path, frame: pd.DataFrame) -> None:
    many = pd.concat([frame] * 500, ignore_index=True)
    many["question_id"] = [f"n{number}" for number in range(len(many))]
    write_gallery(tmp_path / "many.html", PicturedSource("many", many))
    open_page(page, (tmp_path / "many.html").as_uri())
    assert page.inner_text("#count") == "3,000 questions"
    assert page.locator(".question").count() < 60
    page.locator("#list").focus()
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.wait_for_selector("[data-position='2999']")
    assert page.locator(".question").count() < 60
    assert "#n2999" in page.inner_text("[data-position='2999']")
    assert_calm(page)


def test_a_miss_without_a_loss_is_the_hardest_question(page: Any, tmp_path: Path, frame: pd.DataFrame) -> None:
    frame.loc[[1, 3], "loss"] = float("nan")  # a miss and a hit
    write_gallery(tmp_path / "losses.html", PicturedSource("losses", frame))
    open_page(page, (tmp_path / "losses.html").as_uri())
    page.get_by_label("Sort").select_option(label="highest loss")
    order = [text[:10] for text in questions(page)]
    assert order[:2] == ["what shape", "<script>al"]
    assert order[-1] == "is it red?"
    assert "n/a" in page.inner_text("[data-position='0'] .numbers")


@pytest.mark.parametrize("width", [360, 390])
def test_on_a_phone_every_filter_and_the_order_can_be_reached(page: Any, gallery: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    open_page(page, gallery)
    controls = page.locator("#filters select")
    assert controls.count() == 5
    assert not any(control.is_visible() for control in controls.all())
    page.click("#open-filters")
    for control in controls.all():
        box = control.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert 0 <= box["y"] <= 740 - box["height"]
    page.get_by_label("Result").select_option(label="miss (3)")
    assert page.inner_text("#open-filters") == "Filter and sort (1)"
    assert page.inner_text("#count") == "3 of 6 questions"


@pytest.mark.parametrize("width", [360, 390, 768, 1000, 1400])
def test_nothing_of_a_question_is_cut_off(page: Any, gallery: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    open_page(page, gallery)
    page.wait_for_selector(".picture img")
    cut = page.eval_on_selector_all(
        ".question, .numbers, .bars", "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).length"
    )
    assert cut == 0
    heights = page.eval_on_selector_all(
        ".question", "all => all.map(one => [one.scrollHeight, one.clientHeight, one.querySelector('h3').textContent])"
    )
    assert [text for scroll, client, text in heights if scroll > client] == []
    # The matrix scrolls inside its card.
    box = page.locator(".scroll").bounding_box()
    assert box["x"] + box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_in_light_and_dark(page: Any, gallery: str, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 360, "height": 740})
    open_page(page, gallery)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", ground)[:3])) / 3
    assert (brightness > 128) == (scheme == "light")
    assert_calm(page)


def test_only_selected_questions_are_listed(page: Any, tmp_path: Path, frame: pd.DataFrame) -> None:
    write_gallery(tmp_path / "some.html", PicturedSource("some", frame), np.array([4, 1]))
    open_page(page, (tmp_path / "some.html").as_uri())
    assert [text[:7] for text in questions(page)] == ["<script", "what sh"]
    # The report stays that of all six.
    assert "0.5000" in page.inner_text(".headline .value")
    assert page.locator(".picture").count() == 0
    assert_calm(page)


def test_two_runs_side_by_side(page: Any, tmp_path: Path, frame: pd.DataFrame, pictures: Any) -> None:
    other = frame.iloc[::-1].reset_index(drop=True)
    # q2 becomes right, q1 wrong; the order of the file does not matter.
    other.loc[4, ["prediction", "hit"]] = ["circle", 1]
    other.at[4, "top"] = (("circle", 0.5), ("square", 0.375))
    other.loc[5, ["prediction", "hit"]] = ["red", 0]
    sources = [PicturedSource("first", frame, pictures), PicturedSource("second", other)]
    comparison = compare(*(PredictionSet(source.name, source.frame, {}) for source in sources))
    write_comparison_html(tmp_path / "comparison.html", sources[0], sources[1], comparison.report)
    open_page(page, (tmp_path / "comparison.html").as_uri())
    page.get_by_label("Change").select_option(label="only B right (1)")
    assert questions(page) == ["what shape is it?"]
    assert page.eval_on_selector_all(".question strong", "all => all.map(one => one.textContent)") == [
        "square",
        "circle",
    ]
    page.click("button[data-value='only A right']")
    assert questions(page) == ["what color is it?"]
    page.click("#reset")
    page.get_by_label("Sort").select_option(label="B gained most margin")
    assert questions(page)[0] == "what shape is it?"
    assert_calm(page)
