"""Where a network looked, in the gallery and in the demo: each hop, for the question that is shown."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vqa
from vqa._mxnet import mx
from vqa.demo.looking import LookingModel
from vqa.errors import ConfigError
from vqa.evaluation.asking import Answer
from vqa.inspection.explorer import attention_data
from vqa.inspection.gallery import write_gallery
from vqa.inspection.source import Source, open_source
from vqa.nn.attention_map import attention_by_hop


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """The test split of a run of `san` on four regions per image, with the photographs behind them."""
    folder = tmp_path_factory.mktemp("looks")
    (folder / "images").mkdir()
    random = np.random.default_rng(0)
    for number in range(3):
        Image.new("RGB", (60, 40), (80 * number, 90, 90)).save(folder / "images" / f"{number}.png")
    np.save(folder / "grid.npy", random.normal(size=(3, 4, 5)).astype(np.float32))
    (folder / "grid.ids.txt").write_text("0.png\n1.png\n2.png\n", encoding="utf-8")
    for split in ("train", "test"):
        questions = [
            f"{split}{n},{n % 3},what is {'it' if n % 2 else 'that thing'},{'cat' if n % 2 else 'dog'}"
            for n in range(9)
        ]
        text = "\n".join(["question_id,image_id,question,answer_1", *questions]) + "\n"
        (folder / f"{split}.csv").write_text(text, encoding="utf-8")
    (folder / "card.toml").write_text(
        'name = "looks"\nformat = "csv"\n[splits.train]\nfile = "train.csv"\n[splits.test]\nfile = "test.csv"\n'
        '[images]\nkind = "regions"\npath = "grid.npy"\noriginals = "images"\n',
        encoding="utf-8",
    )
    dataset = vqa.load_dataset(folder / "card.toml")
    network = vqa.build_network("san", dataset, embedding_size=4, hidden_size=6, attention_size=5)
    for parameter in network.collect_params(".*(weight|bias)").values():
        parameter.set_data(mx.nd.array(random.normal(size=parameter.shape)))
    run = vqa.fit(network, dataset, vqa.MultiAnswerSoftmaxLoss(), run_dir=folder / "run", epochs=1, batch_size=4)
    return open_source(run.path)


def weights_by_hand(source: Source, row: int) -> np.ndarray:
    """The attention of one question alone, (hops, R)."""
    run = source.run
    table = run.dataset.table("test")
    image = run.dataset.images.read([table.image_id[row]])
    words = run.vocabulary.encode_question(table.question[row])
    integers = ([0], [words], [len(words)], [0])
    inputs = [mx.nd.array(image), *(mx.nd.array(values, dtype="int32") for values in integers)]
    return attention_by_hop(run.network, *inputs)[:, 0]


def test_the_weights_are_those_of_each_question_in_any_order(source: Source) -> None:
    rows = np.array([7, 0, 4])
    weights = source.attention(rows)
    assert weights is not None
    assert weights.shape == (2, 3, 4)
    for place, row in enumerate(rows):
        np.testing.assert_allclose(weights[:, place], weights_by_hand(source, row), atol=1e-5)


def test_the_gallery_has_a_digit_for_each_cell(source: Source, tmp_path: Path) -> None:
    path = tmp_path / "gallery.html"
    write_gallery(path, source, np.array([5, 2]))
    (data,) = re.findall(r'id="questions-data">(.*?)</script>', path.read_text(encoding="utf-8"), re.DOTALL)
    attention = json.loads(data)["attention"]
    assert attention["side"] == 2
    for text, row in zip(attention["weights"], (5, 2)):
        expected = weights_by_hand(source, row)
        digits = np.array([int(digit, 36) for digit in text]).reshape(2, 4)
        np.testing.assert_allclose(digits / 35, expected / expected.max(axis=1, keepdims=True), atol=0.5 / 35 + 1e-5)


def test_each_hop_is_painted_over_the_photograph(page: Any, source: Source, tmp_path: Path) -> None:
    path = tmp_path / "gallery.html"
    write_gallery(path, source)
    page.goto(path.as_uri())
    page.wait_for_selector(".ready .question .picture img")
    page.locator(".question").first.click()
    page.wait_for_selector(".looks figure:nth-child(2) canvas")
    assert page.locator(".looks figcaption").all_inner_texts() == [
        "where the network looked, step 1",
        "where the network looked, step 2",
    ]
    assert page.complaints == []
    # Each corner of the picture is as opaque as the cell there is heavy.
    alphas = page.evaluate(
        "() => [...document.querySelectorAll('.looks canvas')].map("
        "one => [[0, 0], [1, 0], [0, 1], [1, 1]].map(([x, y]) => one.getContext"
        "('2d').getImageData(x * (one.width - 1), y * (one.height - 1), 1, 1).data[3]))"
    )
    expected = weights_by_hand(source, 0)
    np.testing.assert_allclose(np.array(alphas) / 255, 0.7 * expected / expected.max(axis=1, keepdims=True), atol=0.08)


def test_equal_weights_are_all_the_heaviest() -> None:
    assert attention_data(np.full((2, 1, 9), 1 / 9, dtype=np.float32)) == {"side": 3, "weights": ["z" * 18]}


class StubModel:
    """Answers "cat"; looks at the top left, then at the bottom right."""

    def __init__(self, regions: int = 4, attention: bool = True) -> None:
        self.spec = SimpleNamespace(image_kind="regions", image_shape=(regions, 5))
        self.has_attention = attention

    def ask(self, image: Any, question: str, *, top: int = 5) -> Answer:
        return Answer(question, (("cat", 0.75), ("dog", 0.25)), (), "softmax")

    def attention_by_hop(self, image: Any, question: str) -> np.ndarray:
        if not self.has_attention:
            raise ConfigError("preset 'mlp' has no attention")
        return np.eye(4, dtype=np.float32)[[0, 3]]


def test_the_demo_gets_a_picture_for_each_hop() -> None:
    result = LookingModel(StubModel()).ask(Image.new("RGB", (1200, 900), "white"), "what is it?").to_json()
    assert (result["answer"], len(result["attention"])) == ("cat", 2)
    for source, corner in zip(result["attention"], [(5, 5), (590, 440)]):
        head, _, data = source.partition(",")
        assert head == "data:image/jpeg;base64"
        picture = Image.open(io.BytesIO(base64.b64decode(data)))
        assert picture.size == (600, 450)
        red, _, blue = picture.getpixel(corner)
        assert red - blue > 100
        red, _, blue = picture.getpixel((595 - corner[0], 445 - corner[1]))
        assert abs(red - blue) < 20


@pytest.mark.parametrize("model", [StubModel(regions=5), StubModel(attention=False)])
def test_the_demo_shows_no_picture_where_nothing_is_known(model: StubModel) -> None:
    looking = LookingModel(model)
    assert looking.ask(Image.new("RGB", (40, 30)), "what is it?").to_json()["attention"] == []
    assert looking.ask(None, "what is it?").to_json()["attention"] == []
