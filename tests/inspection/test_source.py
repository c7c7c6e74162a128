"""A run and the file of its predictions are the same thing to inspect."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hostile_texts import TEXTS
from PIL import Image

import vqa
from vqa.errors import ConfigError, DataError
from vqa.evaluation.prediction_files import provenance_path, write_predictions
from vqa.evaluation.predictions import prediction_rows
from vqa.files import sha256_of_file
from vqa.inspection.gallery import left_out, write_gallery
from vqa.inspection.source import open_source
from vqa.nn.losses import LOSSES


@pytest.fixture(scope="module")
def run(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run on the five founding questions, which has no images and hits them all."""
    dataset = vqa.load_dataset(project / "data" / "forum.toml")
    network = vqa.build_network("question-only", dataset, seed=1)
    folder = tmp_path_factory.mktemp("runs") / "forum"
    return vqa.fit(network, dataset, LOSSES["softmax"](), run_dir=folder, epochs=30, learning_rate=0.02)


def test_a_run_predicts_now(run: Any) -> None:
    source = open_source(run.path, "train")
    assert len(source.frame) == 5
    assert source.evaluation.to_json()["any_of"]["value"] == 1.0
    assert source.history() is not None
    assert source.provenance["activation"] == "softmax"
    assert source.thumbnails(["", ""]).page is None
    assert source.missing == {}


def test_a_file_finds_its_run_and_gives_the_same_report(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    write_predictions(run.predict("train"), path, run.provenance("train"))
    source = open_source(path)
    report, expected = source.evaluation.to_json(), open_source(run.path, "train").evaluation.to_json()
    assert {**report, "versions": None} == {**expected, "versions": None}
    assert source.evaluation.to_json()["ceilings"]["vocabulary_any_of"]["value"] == 1.0
    history = source.history()
    assert history is not None
    assert history["epoch"].tolist() == run.history["epoch"].tolist()


def test_a_file_whose_run_is_gone_still_has_a_report(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    write_predictions(run.predict("train"), path, {**run.provenance("train"), "run": "gone", "card": "gone.toml"})
    source = open_source(path)
    report = source.evaluation.to_json()
    assert report["any_of"]["value"] == 1.0
    assert report["notes"]["ceilings"] == "of the vocabulary not computed: no answer vocabulary was given"
    assert source.history() is None
    assert "expected a run folder, but gone is not there" in source.missing["run"]
    assert "no such dataset card: gone.toml; name the data set with --card CARD" in source.missing["data"]


def test_what_a_page_leaves_out_is_said(run: Any, tmp_path: Path, page: Any) -> None:
    path = tmp_path / "train.csv"
    write_predictions(run.predict("train"), path)
    source = open_source(path)
    write_gallery(tmp_path / "page.html", source)
    expected = [
        "left out: learning curves, ceiling of the answer vocabulary, out-of-vocabulary mistakes "
        "(the file does not name the run that made it)",
        "left out: images, blind baselines, classes of mistakes that need the training answers "
        "(the file does not name its data set; name it with --card CARD)",
    ]
    assert sorted(left_out(source)) == sorted(expected)
    page.goto((tmp_path / "page.html").as_uri())
    assert sorted(page.locator(".left-out").all_inner_texts()) == sorted(expected)


def test_a_recorded_card_whose_files_are_gone_is_left_out_but_a_given_one_is_an_error(run: Any, tmp_path: Path) -> None:
    card = tmp_path / "card.toml"
    card.write_text('name = "x"\nformat = "csv"\n[splits.train]\nfile = "gone.csv"\n', encoding="utf-8")
    path = tmp_path / "train.csv"
    write_predictions(run.predict("train"), path, {**run.provenance("train"), "card": str(card)})
    source = open_source(path)
    assert source.evaluation.to_json()["baselines"]["prior"] is None
    assert "gone.csv" in source.missing["data"]
    with pytest.raises(ConfigError, match=r"gone\.csv"):
        _ = open_source(path, card=card).evaluation


def test_a_card_gives_baselines_where_the_run_is_gone(run: Any, tmp_path: Path, project: Path) -> None:
    path = tmp_path / "train.csv"
    write_predictions(run.predict("train"), path, {"split": "train"})
    report = open_source(path, card=project / "data" / "forum.toml").evaluation.to_json()
    assert report["baselines"]["prior_per_question"]["value"] == 1.0


def test_predictions_on_other_questions_than_the_data_holds_now_are_refused(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    write_predictions(run.predict("train"), path, {**run.provenance("train"), "data_hash": "0" * 64})
    with pytest.raises(DataError, match="was made from other questions than split 'train' of"):
        _ = open_source(path).evaluation


def test_a_page_of_questions_without_images(run: Any, tmp_path: Path, page: Any) -> None:
    path = tmp_path / "forum.html"
    write_gallery(path, open_source(run.path, "train"))
    page.goto(path.as_uri())
    page.wait_for_selector(".ready .question")
    assert page.locator(".picture").count() == 0
    assert "1.0000" in page.inner_text(".headline .value")
    # Per-split accuracy cannot pass its ceiling: 7 of 15 answers.
    assert "0.4667" in page.inner_text(".beside-hero")
    assert page.complaints == []


def test_top_answers_of_the_table_are_those_of_ask(run: Any) -> None:
    frame: pd.DataFrame = run.predict("train")
    answer = run.ask(None, frame["question"][0])
    assert [name for name, _ in answer.top] == [name for name, _ in frame["top"][0]]


def write_provenance(path: Path, provenance: dict[str, Any]) -> None:
    """Write what another program may have written beside a table."""
    content = {**provenance, "sha256": sha256_of_file(path)}
    provenance_path(path).write_bytes(json.dumps(content).encode("ascii"))


@pytest.mark.parametrize(
    ("provenance", "message"),
    [
        ({"seed": "1"}, "expected seed to be a whole number, got '1'"),
        ({"seed": True}, "expected seed to be a whole number, got True"),
        ({"seed": -1}, "expected seed to be at least 0, got -1"),
        ({"card": ["x"]}, r"expected card to be text, got \['x'\]"),
        ({"card": "x", "card_from_here": 3}, "expected card_from_here to be text, got 3"),
        ({"run": {}}, "expected run to be text"),
        ({"run": "x", "run_from_here": [1]}, "expected run_from_here to be text"),
        ({"split": 3}, "expected split to be text, got 3"),
    ],
)
def test_a_provenance_of_other_types_is_one_line(
    frame: pd.DataFrame, tmp_path: Path, provenance: dict[str, Any], message: str
) -> None:
    path = tmp_path / "train.csv"
    write_predictions(frame, path)
    write_provenance(path, provenance)
    with pytest.raises(DataError, match=message):
        open_source(path)


def test_whatever_a_provenance_names_there_is_a_report_or_one_line(frame: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    write_predictions(frame, path)
    for text in (*TEXTS, "", "/", "..", "/dev/null", str(tmp_path), str(path)):
        write_provenance(
            path, {"run": text, "run_from_here": text, "card": text, "card_from_here": text, "split": text}
        )
        source = open_source(path)
        assert source.evaluation.report.questions == len(frame)
        assert set(source.missing) == {"run", "data"}


def test_a_run_on_features_shows_the_photographs_that_its_card_names(tmp_path: Path, frame: pd.DataFrame) -> None:
    ids = sorted({image_id for image_id in frame["image_id"] if image_id.isalpha()})
    frame = frame[frame["image_id"].isin(ids)].reset_index(drop=True)
    (tmp_path / "features.npy").touch()
    (tmp_path / "photos").mkdir()
    for name in ids[1:]:
        Image.new("RGB", (640, 480), "navy").save(tmp_path / "photos" / f"{name}.jpg")
    lines = ["question_id,image_id,question,answer_1"]
    lines += [f"{row.question_id},{row.image_id},{row.question},{row.answers[0]}" for row in prediction_rows(frame)]
    card = tmp_path / "card.toml"
    (tmp_path / "test.csv").write_text("\n".join(lines), encoding="utf-8")
    splits = '[splits.train]\nfile = "test.csv"\n[splits.test]\nfile = "test.csv"\n'
    images = '[images]\nkind = "features"\npath = "features.npy"\n'
    path = tmp_path / "predictions.csv"
    write_predictions(frame, path, {"card": str(card)})

    card.write_text(f'name = "x"\nformat = "csv"\n{splits}{images}', encoding="utf-8")
    source = open_source(path)
    assert source.thumbnails(ids).page is None
    assert "has features; name the original images with originals in [images]" in source.missing["images"]

    card.write_text(f'name = "x"\nformat = "csv"\n{splits}{images}originals = "photos"\n', encoding="utf-8")
    source = open_source(path)
    page = source.thumbnails(ids).page
    assert page is not None
    assert [text is not None for text in page["data"]] == [False, True, True]
    assert "1 of 3 cannot be shown, the first: image 'a' is not in" in source.missing["images"]
