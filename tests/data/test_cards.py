from __future__ import annotations

from pathlib import Path

import pytest

from vqa.data.cards import DatasetCard, ImageCard, load_card
from vqa.errors import ConfigError

GOOD = 'name = "x"\nformat = "csv"\n[splits.train]\nfile = "a.csv"\n'


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "card.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    (folder / "a.csv").write_text("q,a\n")
    (folder / "images").mkdir(exist_ok=True)
    return path


def test_a_card_with_everything(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        'name = "x"\nformat = "csv"\nannotators = 3\n[splits.train]\nfile = "a.csv"\n'
        '[images]\nkind = "pixels"\npath = "images"\nsize = [48, 64]\n',
    )
    card = load_card(path)
    assert (card.path, card.name, card.format, card.annotators) == (path, "x", "csv", 3)
    assert card.splits["train"].file == tmp_path / "a.csv"
    assert card.images == ImageCard("pixels", tmp_path / "images", (48, 64))


@pytest.mark.parametrize("name", ["easy_vqa", "easy_vqa_3", "forum"])
def test_the_cards_of_the_project(project: Path, name: str) -> None:
    card = load_card(project / "data" / f"{name}.toml")
    assert isinstance(card, DatasetCard)
    assert list(card.splits) == (["train"] if name == "forum" else ["train", "test"])
    assert card.annotators == (3 if name == "easy_vqa_3" else None)
    assert (card.images is None) == (name == "forum")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("name", "nam", 1), "unknown key 'nam'; did you mean 'name'?"),
        (GOOD.replace('name = "x"\n', ""), "the key 'name' is missing"),
        (GOOD.replace('"x"', '" "'), "name must be a text that is not empty, got ' '"),
        (GOOD.replace('"x"', "7"), "name must be a text that is not empty, got 7"),
        (GOOD.replace('"csv"', '"cvs"'), "unknown format 'cvs'; did you mean 'csv'?"),
        ("annotators = 1\n" + GOOD, "annotators must be a whole number from 2 to 10, got 1"),
        ("annotators = true\n" + GOOD, "annotators must be a whole number from 2 to 10, got True"),
        ("annotators = 11\n" + GOOD, "annotators must be a whole number from 2 to 10, got 11"),
        ('annotators = "3"\n' + GOOD, "annotators must be a whole number from 2 to 10, got '3'"),
        ('name = "x"\nformat = "csv"\n', "expected at least one split, such as [splits.train]"),
        ('name = "x"\nformat = "csv"\nsplits = 3\n', "expected at least one split"),
        ('name = "x"\nformat = "csv"\n[splits]\ntrain = "a.csv"\n', "splits.train must be a table"),
        (GOOD.replace("file", "fil"), "[splits.train]: unknown key 'fil'; did you mean 'file'?"),
        (GOOD.replace("a.csv", "b.csv"), "[splits.train]: file = 'b.csv': no such file or folder"),
        (GOOD.replace("a.csv", "images"), "[splits.train]: file must be a file, got the folder"),
        (GOOD + "[images]\n", "[images]: the key 'kind' is missing"),
        (GOOD + '[images]\nknd = "pixels"\n', "[images]: unknown key 'knd'; did you mean 'kind'?"),
        (GOOD + '[images]\nkind = "pixel"\n', "unknown kind 'pixel'; did you mean 'pixels'?"),
        (GOOD + '[images]\nkind = "pixels"\n', "[images]: the key 'path' is missing"),
        (GOOD + '[images]\nkind = "pixels"\npath = "a.csv"\n', "must be a folder of images, got the file"),
        (GOOD + '[images]\nkind = "features"\npath = "f.npy"\n', "path = 'f.npy': no such file"),
        (GOOD + '[images]\nkind = "features"\npath = "a.csv"\nsize = [4, 4]\n', "unknown key 'size'"),
        (GOOD + '[images]\nkind = "pixels"\npath = "images"\nsize = 64\n', "size must be [height, width]"),
        (GOOD + '[images]\nkind = "pixels"\npath = "images"\nsize = [64, 0]\n', "size must be [height, width]"),
        (GOOD + '[images]\nkind = "pixels"\npath = "images"\nsize = [true, 4]\n', "size must be [height, width]"),
        (GOOD.replace("[splits.train]", "[splits.train"), "not valid TOML"),
        (b'name = "\xff"\n', "not valid TOML"),
        (f"number = {'9' * 5000}\n", "not valid TOML"),
        (f"{'a.' * 1000}b = 1\n", "a line with more than 200 dots"),
        ('name = "x"\nformat = "easy-vqa"\n[splits.val]\n', "easy-vqa has no such split; known: test, train"),
        ('name = "x"\nformat = "easy-vqa"\n[splits.test]\nfile = "a.csv"\n', "unknown key 'file'; it takes no keys"),
        ('name = "x"\nformat = "vqa-json"\n[splits.train]\nquestions = "a.csv"\n', "the key 'annotations' is missing"),
    ],
)
def test_a_wrong_card_is_one_line_with_the_place(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_card(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "pattern",
    [
        *("{image_id", "{}", "{image}", "COCO.jpg", "{image_id.x}", "{image_id[a]}"),
        *("{image_id:>9999999999}", "{image_id:{image_id}}"),
    ],
)
def test_image_name_must_hold_the_id(tmp_path: Path, pattern: str) -> None:
    path = write(
        tmp_path,
        f'name = "x"\nformat = "vqa-json"\n[splits.train]\nquestions = "a.csv"\nannotations = "a.csv"\n'
        f'image_name = "{pattern}"\n',
    )
    with pytest.raises(ConfigError, match="image_name must contain the image's id"):
        load_card(path)


@pytest.mark.parametrize("name", ["data.csv", "folder", "folder.toml"])
def test_no_card_at_all(tmp_path: Path, name: str) -> None:
    (tmp_path / "data.csv").write_text("q,a\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(ConfigError, match="expected a dataset card"):
        load_card(tmp_path / name)


def test_a_missing_card(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such dataset card"):
        load_card(tmp_path / "none.toml")
