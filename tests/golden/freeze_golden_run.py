"""Make the golden data set, run and predictions anew: only when a format or an architecture changes on purpose.

Usage: python tests/golden/freeze_golden_run.py
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

import vqa
from vqa.evaluation.prediction_files import write_predictions

HERE = Path(__file__).resolve().parent
COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220)}
SHADES = {"red": "crimson", "green": "emerald", "blue": "navy"}
CARD = """\
name = "golden"
format = "csv"
[splits.train]
file = "train.csv"
[splits.test]
file = "test.csv"
[images]
kind = "pixels"
path = "images"
"""


def write_data() -> None:
    """Write images of one colour, bright in one half, and two questions about each."""
    random = np.random.default_rng(20)
    shutil.rmtree(HERE / "images", ignore_errors=True)
    (HERE / "images").mkdir()
    for split, count in (("train", 48), ("test", 12)):
        lines = ["question_id,image_id,question,answer_1,answer_2,answer_3"]
        for number in range(count):
            colour = str(random.choice(list(COLOURS)))
            left = bool(random.integers(2))
            pixels = np.zeros((16, 16, 3), dtype=np.uint8)
            pixels[:, : 8 if left else 16] = COLOURS[colour]
            pixels[:, : 0 if left else 8] = 0
            Image.fromarray(pixels).save(HERE / "images" / f"{split}{number}.png")
            lines.append(f"{split}-{number}-a,{split}{number},what color is it,{colour},{SHADES[colour]},{colour}")
            lines.append(f"{split}-{number}-b,{split}{number},is it at the left,{'yes' if left else 'no'},,")
        (HERE / f"{split}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (HERE / "card.toml").write_text(CARD, encoding="utf-8")


def main() -> None:
    """Write the data, train on it, and keep what loading needs and what it must predict."""
    write_data()
    dataset = vqa.load_dataset(HERE / "card.toml")
    network = vqa.build_network("cnn-gru", dataset, seed=1, embedding_size=4, hidden_size=16, channels=4)
    loss = vqa.MultiAnswerSoftmaxLoss()
    run_dir = HERE / "run"
    run = vqa.fit(
        network, dataset, loss, run_dir=run_dir, epochs=30, batch_size=16, learning_rate=0.02, seed=1, overwrite=True
    )
    write_predictions(run.predict("test"), HERE / "predictions.jsonl")
    for name in ("last.params", "trainer.states", "loop.json", "train.log", ".lock"):
        (run_dir / name).unlink(missing_ok=True)
    record = run_dir / "run.json"
    # No folder of the machine that freezes it.
    record.write_text(
        record.read_text(encoding="utf-8").replace(str(HERE / "card.toml"), "card.toml"), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
