"""Nothing in a predictions file acts in a page: no script, no request, no dialog, and nothing unseen or reversed."""

from __future__ import annotations

from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from hostile_texts import TEXTS, UNSEEN

from vqa.data.cards import DatasetCard, SplitFiles
from vqa.data.dataset import Dataset
from vqa.data.originals import Originals
from vqa.data.table import QuestionTable
from vqa.data.vocab import Vocabulary
from vqa.display import visible
from vqa.doctor.findings import Finding, Findings
from vqa.evaluation.prediction_files import write_predictions
from vqa.evaluation.predictions import check_predictions
from vqa.evaluation.run import Run
from vqa.evaluation.trained_model import TrainedModel
from vqa.inspection.comparison import write_comparison_html
from vqa.inspection.gallery import write_gallery
from vqa.inspection.source import Source, open_source
from vqa.inspection.thumbnails import Thumbnails, thumbnails
from vqa.nn.spec import NetworkSpec
from vqa.scoring.compare import PredictionSet, compare
from vqa.scoring.ranking import rank

# The texts and attributes that a reader or a screen reader is shown, in the page as it stands now.
SHOWN = """() => {
  const shown = [document.title];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.nodeType === Node.TEXT_NODE) {
      if (!["SCRIPT", "STYLE"].includes(node.parentElement.tagName)) shown.push(node.data);
    } else for (const name of ["title", "alt", "aria-label", "placeholder"]) shown.push(node.getAttribute(name) || "");
  }
  return shown;
}"""


def hostile_frame() -> pd.DataFrame:
    """Each field of each row is another hostile text; some are right and some are wrong."""

    def text(number: int) -> str:
        return TEXTS[number % len(TEXTS)]

    rows = []
    for number in range(len(TEXTS)):
        answers, wrong = (text(number + 1), text(number + 2), text(number + 1)), text(number + 3)
        hit = number % 2
        prediction = answers[0] if hit else wrong
        rows.append(
            {
                "question_id": f"{number}{text(number)}",
                "image_id": text(number + 4),
                "question": text(number),
                "answers": answers,
                "prediction": prediction,
                "probability": 0.5,
                "top": ((prediction, 0.5), (text(number + 5), 0.25)),
                "loss": float(number),
                "hit": hit,
                "score": 0.5,
                "answer_type": text(number + 6),
                "question_type": text(number + 7),
            }
        )
    return check_predictions(pd.DataFrame(rows), "hostile")


class HostileSource(Source):
    """Predictions whose name, card and provenance are hostile as well, with an image under a hostile name."""

    def __init__(self, name: str, frame: pd.DataFrame, folder: Originals) -> None:
        provenance = dict(zip(("activation", "card", "split", "data_hash"), TEXTS[3:]))
        super().__init__(name, frame, provenance)
        self.missing = {"run": TEXTS[0], "data": TEXTS[20], "images": TEXTS[11]}
        self.folder = folder

    def thumbnails(self, image_ids: list[str]) -> Thumbnails:
        return thumbnails(self.folder, image_ids)


class HostileModel(TrainedModel):
    """A model that is only looked at."""


HostileModel.__abstractmethods__ = frozenset()


def assert_calm(page: Any) -> None:
    assert page.complaints == []
    assert page.evaluate("window.ran") is None
    assert {address.partition(":")[0] for address in page.requested} <= {"file", "data"}
    assert sum(address.startswith("file:") for address in page.requested) == 1
    assert [text for text in page.evaluate(SHOWN) if UNSEEN.search(text)] == []
    assert page.locator("base, form, iframe, link, [onerror], [onload], [onfocus], a[href]").count() == 0


def look_at_everything(page: Any, address: str) -> None:
    """Open the page, each filter, each order, each question and each button of the summary."""
    page.goto(address)
    page.wait_for_selector(".ready .question")
    assert_calm(page)
    for select in page.locator("#filters select").all():
        for value in select.evaluate("one => [...one.options].map(option => option.value)"):
            select.select_option(value=value)
        select.select_option(index=0)
    for button in page.locator("[data-facet], [data-search]:not([disabled])").all():
        button.evaluate("one => one.click()")
    page.click("#reset")
    page.locator("#list").evaluate("one => window.scrollTo(0, one.offsetTop)")
    page.keyboard.press("/")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    for _ in range(len(TEXTS)):
        page.keyboard.press("ArrowRight")
        assert_calm(page)
    page.click("#same-image")
    assert_calm(page)


@pytest.fixture
def folder(tmp_path: Path, pictures: Originals) -> Originals:
    image = pictures.find("a").read_bytes()
    for number, text in enumerate(TEXTS):
        name = text.encode("utf-8", "replace").decode("utf-8")
        if number % 3 == 0 and not set(name) & {"/", "\0"} and len(name) < 200:
            (pictures.find("a").parent / f"{name}.png").write_bytes(image)
    return pictures


@pytest.mark.parametrize("name", ["\u202eeman " + TEXTS[1], TEXTS[13] + TEXTS[15] + "half \ud800"])
def test_the_gallery(page: Any, tmp_path: Path, folder: Originals, name: str) -> None:
    write_gallery(tmp_path / "gallery.html", HostileSource(name, hostile_frame(), folder))
    look_at_everything(page, (tmp_path / "gallery.html").as_uri())
    assert page.inner_text("h1") == " ".join(visible(name).split())


def test_the_comparison(page: Any, tmp_path: Path, folder: Originals) -> None:
    frame = hostile_frame()
    other = frame.iloc[::-1].reset_index(drop=True)
    other["prediction"] = [answers[0] for answers in other["answers"]]
    other["hit"] = 1
    sources = [HostileSource(TEXTS[3], frame, folder), HostileSource(TEXTS[20], other, folder)]
    comparison = compare(*(PredictionSet(source.name, source.frame, {}) for source in sources))
    write_comparison_html(tmp_path / "comparison.html", sources[0], sources[1], comparison.report)
    look_at_everything(page, (tmp_path / "comparison.html").as_uri())


def test_a_page_from_a_file_whose_provenance_is_hostile(page: Any, tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    keys = ("run", "card", "split", "data_hash", "activation", *TEXTS)
    write_predictions(hostile_frame(), path, dict(zip(keys, (TEXTS * 2)[19:])))
    write_gallery(tmp_path / "page.html", open_source(path))
    look_at_everything(page, (tmp_path / "page.html").as_uri())


def shown_in_a_notebook(value: Any) -> str:
    """Return what a notebook shows of a value: its HTML where it has some, else its text."""
    html = getattr(value, "_repr_html_", None)
    return html() if html else f"<pre>{escape(value if isinstance(value, str) else repr(value))}</pre>"


def test_everything_that_a_notebook_shows(page: Any, tmp_path: Path, folder: Originals) -> None:
    frame = hostile_frame()
    source = HostileSource(TEXTS[3], frame, folder)
    sets = [PredictionSet(name, frame, {"card": TEXTS[0]}) for name in (TEXTS[1], TEXTS[20], TEXTS[22])]
    record = {"card": TEXTS[0], "seed": 1, "best_epoch": 2, "best": {"any_of": 0.5, TEXTS[20]: 0.5, TEXTS[4]: 0.5}}
    network = NetworkSpec(TEXTS[2], 3, 2, 0, "none", (1,), {})
    vocabulary = Vocabulary([TEXTS[0], *TEXTS[20:24]], [TEXTS[21], TEXTS[23], TEXTS[3]])
    model = HostileModel(Path(TEXTS[20]), record, vocabulary, network, TEXTS[11])
    path = tmp_path / TEXTS[21]
    path.mkdir()
    (path / "history.csv").write_text("epoch\n1\n")
    loss = SimpleNamespace(name=TEXTS[21], activation=TEXTS[20])
    run = Run(path, record, vocabulary, SimpleNamespace(spec=network), loss)
    table = QuestionTable(["1"], [TEXTS[1]], [TEXTS[0]], [(TEXTS[2],)], source=TEXTS[21])
    card = DatasetCard(Path(TEXTS[21]), TEXTS[22], "csv", None, {TEXTS[20]: SplitFiles()}, None)
    every = [
        source.evaluation, compare(*sets[:2]), rank(sets), model, run, repr(model), repr(run), frame, repr(frame),
        Findings([Finding(TEXTS[20], "error", TEXTS[13])]), table, Dataset(card, vocabulary), vocabulary,
    ]  # fmt: skip
    # Selections, and what pandas makes of them, are predictions tables as well.
    for chosen in (
        frame[["question_id", "question", "answers"]],
        frame.rename(columns={"loss": TEXTS[3], "score": TEXTS[20]}),
        frame.set_index("question")[["hit"]],
        frame.groupby(["answer_type", "question_type"])[["loss"]].mean(),
    ):
        every += [chosen, repr(chosen)]
    body = "".join(map(shown_in_a_notebook, every))
    content = f"<!doctype html><meta charset=utf-8><title>notebook</title><body>{body}"
    (tmp_path / "notebook.html").write_text(content, encoding="utf-8")
    page.goto((tmp_path / "notebook.html").as_uri())
    assert_calm(page)
    assert page.locator("table").count() >= 12
