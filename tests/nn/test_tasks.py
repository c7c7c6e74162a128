"""Each preset learns a synthetic task that needs it, and a simpler one does not."""

import numpy as np
import pytest
from nn_cases import on_device

from vqa._mxnet import mx
from vqa.nn.losses import MultiAnswerSoftmaxLoss
from vqa.nn.network import NetworkSpec, build_from_spec

NUM_COLOURS = 4
YES, NO = NUM_COLOURS, NUM_COLOURS + 1
NUM_ANSWERS = NUM_COLOURS + 2
PADDING, FIRST, LAST, WHAT = 0, 1, 2, 3
COLOUR_WORD = 4
NUM_WORDS = COLOUR_WORD + NUM_COLOURS

pytestmark = pytest.mark.slow


def colours_of(rng, number, items=()):
    return rng.integers(0, NUM_COLOURS, (number, *items))


def one_hot(values, size):
    return np.eye(size, dtype=np.float32)[values]


def padded(rng, questions):
    """Tokens and lengths of one-word-longer-or-shorter questions: the word WHAT is put in front of some."""
    tokens = np.full((len(questions), 3), PADDING)
    lengths = np.full(len(questions), 2)
    for n, words in enumerate(questions):
        words = [WHAT, *words] if rng.random() < 0.5 else words
        tokens[n, : len(words)] = words
        lengths[n] = len(words)
    return tokens, lengths


def last_word(rng, number):
    """Two colour words; which of them came last? A bag of words cannot know."""
    words = colours_of(rng, number, (2,))
    tokens, lengths = padded(rng, [list(row + COLOUR_WORD) for row in words])
    return np.zeros((number, 1)), tokens, lengths, words[:, 1]


def features_of(rng, colour):
    return one_hot(colour, NUM_COLOURS) + rng.normal(scale=0.1, size=(len(colour), NUM_COLOURS))


def what_colour(rng, number):
    """The colour of the image: a function of the features alone."""
    colour = colours_of(rng, number)
    tokens, lengths = padded(rng, [[WHAT, WHAT]] * number)
    return features_of(rng, colour), tokens, lengths, colour


def is_it_this_colour(rng, number):
    """Yes where question and image name the same colour, in five of eight cases: no sum of the two can tell."""
    asked = colours_of(rng, number)
    colour = np.where(rng.random(number) < 0.5, asked, colours_of(rng, number))
    tokens, lengths = padded(rng, [[COLOUR_WORD + word, WHAT] for word in asked])
    return features_of(rng, colour), tokens, lengths, np.where(colour == asked, YES, NO)


def is_the_square_this_colour(rng, number):
    """The same with pixels: a square of the colour somewhere on white."""
    palette = np.array([[1, -1, -1], [-1, 1, -1], [-1, -1, 1], [1, 1, -1]], dtype=np.float32)
    features, tokens, lengths, answers = is_it_this_colour(rng, number)
    images = np.ones((number, 3, 16, 16), dtype=np.float32)
    for image, colour in zip(images, features.argmax(axis=1)):
        row, column = rng.integers(0, 12, 2)
        image[:, row : row + 4, column : column + 4] = palette[colour][:, None, None]
    return images, tokens, lengths, answers


def colour_at_a_place(rng, number):
    """What colour is the square at the left (right)? Regions of any order, each with its place, and one of padding."""
    colours = colours_of(rng, number, (2,))
    asked = rng.integers(0, 2, number)
    regions = np.zeros((number, 3, NUM_COLOURS + 2), dtype=np.float32)
    for n in range(number):
        for place, position in enumerate(rng.permutation(2)):
            regions[n, position] = [*one_hot(colours[n, place], NUM_COLOURS), *one_hot(place, 2)]
    tokens, lengths = padded(rng, [[WHAT, FIRST + word] for word in asked])
    return regions, tokens, lengths, colours[np.arange(number), asked]


def colour_at_a_time(rng, number):
    """What colour came first (last)? Frames in order, two to four of them, then padding."""
    colours = colours_of(rng, number, (4,))
    num_frames = rng.integers(2, 5, number)
    frames = one_hot(colours, NUM_COLOURS)
    frames[np.arange(4) >= num_frames[:, None]] = 0
    asked = rng.integers(0, 2, number)
    tokens, lengths = padded(rng, [[WHAT, FIRST + word] for word in asked])
    return frames, tokens, lengths, np.where(asked == 0, colours[:, 0], colours[np.arange(number), num_frames - 1])


def accuracy_after_training(preset, kind, task, steps, learning_rate=0.005):
    """Train on fresh examples of the task, 64 per step; the accuracy on 1,000 others."""
    rng = np.random.default_rng(1)
    shape = task(rng, 1)[0].shape[1:]
    small = {"embedding_size": 16, "hidden_size": 32}
    options = {} if preset == "softmax-regression" else small
    if preset.startswith("mcb"):
        options = {**small, "sketch_size": 64}
    if preset == "cnn-gru":
        options = {**small, "channels": 8}
    spec = NetworkSpec(preset, NUM_WORDS, NUM_ANSWERS, PADDING, kind, shape, options)
    network, loss = build_from_spec(spec, seed=1), MultiAnswerSoftmaxLoss()
    trainer = mx.gluon.Trainer(network.collect_params(), "adam", {"learning_rate": learning_rate})

    def batch(number):
        images, tokens, lengths, answers = task(rng, number)
        rows = np.arange(number)
        return on_device(images, rows, tokens, lengths, rows), answers

    for _ in range(steps):
        inputs, answers = batch(64)
        with mx.autograd.record():
            losses = loss(network(*inputs), mx.nd.array(answers[:, None], dtype="int32"))
        losses.backward()
        trainer.step(64)
    inputs, answers = batch(1000)
    return float((network(*inputs).asnumpy().argmax(axis=1) == answers).mean())


@pytest.mark.parametrize(
    ("preset", "kind", "task", "steps"),
    [
        ("question-only", "none", last_word, 200),
        ("softmax-regression", "features", what_colour, 200),
        ("mlp", "features", is_it_this_colour, 400),
        ("mcb", "features", is_it_this_colour, 400),
        ("cnn-gru", "pixels", is_the_square_this_colour, 400),
        ("updn", "regions", colour_at_a_place, 400),
        ("mcb-attention", "regions", colour_at_a_place, 400),
        ("san", "regions", colour_at_a_place, 400),
        ("lstm-product", "frames", colour_at_a_time, 400),
    ],
)
def test_a_preset_learns_what_it_is_made_for(preset, kind, task, steps):
    assert accuracy_after_training(preset, kind, task, steps) >= 0.97


@pytest.mark.parametrize(
    ("preset", "kind", "task", "best"),
    [
        # Without the image: always yes, right in five of eight.
        ("question-only", "features", is_it_this_colour, 0.7),
        # A sum of question and image cannot compare them.
        ("softmax-regression", "features", is_it_this_colour, 0.7),
        # The mean of the regions loses which colour is where: one of two, right half of the time or by chance.
        ("mlp", "regions", colour_at_a_place, 0.75),
        # The mean of the frames loses their order.
        ("mlp", "frames", colour_at_a_time, 0.75),
    ],
)
def test_a_simpler_preset_cannot(preset, kind, task, best):
    assert accuracy_after_training(preset, kind, task, 300) <= best
