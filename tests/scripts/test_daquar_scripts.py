"""The random split of DAQUAR deals out every question once, and the cards read what was written."""

from __future__ import annotations

import runpy
from pathlib import Path

from vqa.data.cards import load_card
from vqa.data.readers import read_split

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def test_every_question_is_dealt_out_once(tmp_path: Path) -> None:
    data, folder = tmp_path / "data", tmp_path / "features"
    (data / "images").mkdir(parents=True)
    folder.mkdir()
    for split, start, number in (("train", 0, 15), ("test", 15, 10)):
        lines = [
            f"what is in the image{n % 4 + 1} ?\nthing{n}{', other' if n == 3 else ''}\n"
            for n in range(start, start + number)
        ]
        (data / f"qa.894.raw.{split}.txt").write_text("".join(lines), encoding="utf-8")
    (folder / "daquar.npy").touch()  # features that are there are not made again
    runpy.run_path(str(SCRIPTS / "daquar_features.py"))["main"](data, folder)

    def answers(name: str, split: str) -> list[str]:
        table = read_split(load_card(folder / f"{name}.toml"), split)
        return [answer for (answer,) in table.answers]  # one answer per question, even where it is a list

    official = answers("official_all", "train") + answers("official_all", "test")
    train, test = answers("random_all", "train"), answers("random_all", "test")
    assert (len(train), len(test)) == (20, 5)
    assert sorted(train + test) == sorted(official)
    assert sorted(test) != sorted(official[20:])
    assert "thing3, other" in official
    assert "thing3, other" not in answers("official_single", "train")
    sets = read_split(load_card(folder / "official_sets.toml"), "train").answers
    assert list(sets) == [("thing3", "other") if n == 3 else (f"thing{n}",) for n in range(15)]
    assert load_card(folder / "random_single.toml").wups
