"""From raw files to report and gallery with a card alone: a JSON file in the layout of VQA-RAD, and DAQUAR."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from vqa.cli import cli

CARD = """\
name = "x-rays"
format = "json"
answers = "normalized"
[columns]
question_id = "qid"
image_id = "image_name"
[splits.train]
file = "VQA_RAD Dataset Public.json"
where = { phrase_type = ["freeform", "para"] }
[splits.test]
file = "VQA_RAD Dataset Public.json"
where = { phrase_type = ["test_freeform", "test_para"] }
[images]
kind = "pixels"
path = "images"
size = [32, 32]
"""


def vqa(*arguments: object) -> str:
    result = CliRunner().invoke(cli, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return str(result.stdout)


def write_x_rays(folder: Path) -> None:
    """Write X-rays that are bright or dark, and questions about them whose answers are spelled in several ways."""
    (folder / "images").mkdir()
    records = []
    for number in range(24):
        bright = number % 2
        name = f"synpic{number}.jpg"
        Image.new("L", (40 + number, 30), 200 if bright else 40).save(folder / "images" / name)
        kinds = ("freeform", "para") if number < 18 else ("test_freeform", "test_para")
        for kind in kinds:
            common = {"image_name": name, "phrase_type": kind, "image_organ": "CHEST", "evaluation": "not evaluated"}
            spelling = ("Yes", "yes ") if bright else ("No", "no")
            answer = spelling[number // 2 % 2]
            closed = {"question": "Is the lung clear?", "answer": answer, "answer_type": "CLOSED"}
            counted = {"question": "How many lungs?", "answer": 1 + bright, "answer_type": "OPEN"}
            records += [{"qid": len(records), **common, **closed}, {"qid": len(records) + 1, **common, **counted}]
    (folder / "VQA_RAD Dataset Public.json").write_text(json.dumps(records))
    (folder / "card.toml").write_text(CARD)


def test_x_rays_in_the_layout_of_vqa_rad(tmp_path: Path) -> None:
    write_x_rays(tmp_path)
    card, run = tmp_path / "card.toml", tmp_path / "run"
    vqa("train", card, "--run", run, "--epochs", 1)
    found = json.loads(vqa("evaluate", run, "--predictions", tmp_path / "test.csv", "--json", "-"))
    assert (found["questions"], found["images"]) == (24, 6)
    assert found["ceilings"]["vocabulary_any_of"]["value"] == 1  # no spelling of the test split is out of reach
    assert set(found["by_answer_type"]) == {"CLOSED", "OPEN"}
    vqa("inspect", tmp_path / "test.csv", "--html", tmp_path / "gallery.html")
    gallery = (tmp_path / "gallery.html").read_text()
    assert "synpic23.jpg" in gallery
    assert "image/webp" in gallery
    audit = vqa("audit", card)
    assert "'Yes'" in audit
    assert "0 images that cannot be used" in audit


@pytest.mark.slow
def test_daquar_as_published(tmp_path: Path, shared_data: Path) -> None:
    if not (shared_data / "daquar").is_dir():
        pytest.skip(f"no DAQUAR in {shared_data}")
    (tmp_path / "daquar").symlink_to(shared_data / "daquar")
    card, run = tmp_path / "daquar.toml", tmp_path / "run"
    card.write_text(vqa("cards", "daquar"))
    vqa("train", card, "--run", run, "--epochs", 1, "--model", "question-only")
    found = json.loads(vqa("evaluate", run, "--predictions", tmp_path / "test.csv", "--json", "-"))
    assert (found["questions"], found["images"]) == (5076, 652)
    vqa("inspect", tmp_path / "test.csv", "--html", tmp_path / "gallery.html")
    assert 1_000_000 < (tmp_path / "gallery.html").stat().st_size < 30_000_000
