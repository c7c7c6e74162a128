"""A visual question answering network in plain PyTorch.

It stands in one folder with its weights (model.safetensors), its words and answers (vocab.json) and what it was built
from (config.json)::

    from model import encode_question, load

    network, vocabulary = load(".")
    tokens = torch.tensor([encode_question("what color is it?", vocabulary)])      # (Q, T)
    lengths = torch.tensor([tokens.shape[1]])                                      # (Q,)
    zero = torch.tensor([0])                                                       # row 0 asks question 0 about image 0
    logits = network(images, zero, tokens, lengths, zero)                          # images: as config.json says
    print(vocabulary["answers"][logits[0].argmax()])

Every network takes ``images`` (M, ...), ``image_index`` (N,), ``tokens`` (Q, T), ``lengths`` (Q,) and
``question_index`` (N,): each distinct image and each distinct question once, and which of them each row asks. It
returns raw logits (N, C).
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import torch
from torch import Tensor, nn


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file by name."""
    data = bytearray(path.read_bytes())
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    dtypes = {"F32": torch.float32, "I32": torch.int32, "I64": torch.int64}
    return {
        name: torch.frombuffer(
            data,
            dtype=dtypes[entry["dtype"]],
            count=math.prod(entry["shape"]),
            offset=8 + length + entry["data_offsets"][0],
        ).reshape(entry["shape"])
        for name, entry in header.items()
        if name != "__metadata__"
    }


def encode_question(text: str, vocabulary: dict) -> list[int]:
    """Return the word ids of a question; an unknown word has the id 0."""
    ids = {word: number for number, word in enumerate(vocabulary["words"])}
    words = re.findall(r"[^\W_]+(?:['’][^\W_]+)*", text.lower())
    return [ids.get(word.replace("’", "'"), 0) for word in words] or [0]


def unit_length(x: Tensor) -> Tensor:
    """Scale the rows of the last axis to length 1."""
    return x / torch.sqrt((x * x).sum(dim=-1, keepdim=True) + 1e-10)


def row_mask(rows: Tensor) -> Tensor:
    """Return bool (M, R): whether a row of `rows` (M, R, D) has any non-zero entry; padding is rows of zeros."""
    return rows.abs().sum(dim=2) > 0


def mean_of_rows(rows: Tensor) -> Tensor:
    """Return the mean of the rows that are not padding: (M, R, D) -> (M, D)."""
    mask = row_mask(rows).to(rows.dtype)
    weights = mask / mask.sum(dim=1, keepdim=True).clamp(min=1)
    return torch.bmm(weights.unsqueeze(1), rows).squeeze(1)


def last_state(states: Tensor, lengths: Tensor) -> Tensor:
    """Return (N, H): of `states` (N, T, H) the one at each row's last real step."""
    steps = (lengths.long() - 1).clamp(min=0)
    return states[torch.arange(len(states), device=states.device), steps]


def image_vectors(images: Tensor, kind: str) -> Tensor:
    """Return one vector per image."""
    return mean_of_rows(images) if kind in ("regions", "frames") else images.flatten(1)


def vector_size(config: dict) -> int:
    """Return the size of the vector of one image, or of one of its regions or frames."""
    shape = config["image_shape"]
    return shape[-1] if config["image_kind"] in ("regions", "frames") else math.prod(shape)


class BagOfWords(nn.Module):
    """Sum of the embeddings of a question's words, and of its pairs of words: tokens (Q, T), lengths (Q,) -> (Q, size).

    A pair is hashed to one of `pair_buckets` embeddings; before the first word stands the unknown one.
    """

    def __init__(self, num_words: int, size: int, pair_buckets: int = 0) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_words, size)
        self.pair_buckets = pair_buckets
        if pair_buckets:
            self.pairs = nn.Embedding(pair_buckets, size)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Return the sums (Q, size)."""
        mask = torch.arange(tokens.shape[1], device=tokens.device) < lengths.unsqueeze(1)
        embedded = self.embedding(tokens)
        if self.pair_buckets:
            before = nn.functional.pad(tokens, (1, -1)).long() % self.pair_buckets
            embedded = embedded + self.pairs((before * 7919 + tokens) % self.pair_buckets)
        return torch.bmm(mask.unsqueeze(1).to(embedded.dtype), embedded).squeeze(1)


class QuestionEncoder(nn.Module):
    """Embedding and one recurrent layer, its state at the last word: tokens (Q, T), lengths (Q,) -> (Q, H)."""

    def __init__(self, config: dict, layer: type[nn.GRU] | type[nn.LSTM] = nn.GRU) -> None:
        super().__init__()
        options = config["options"]
        self.embedding = nn.Embedding(config["num_words"], options["embedding_size"])
        self.dropout: nn.Module = nn.Dropout(options["dropout"])
        self.recurrent = layer(options["embedding_size"], options["hidden_size"], batch_first=True)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Return the states (Q, H)."""
        states, _ = self.recurrent(self.dropout(self.embedding(tokens)))
        return last_state(states, lengths)


class WordDropQuestionEncoder(QuestionEncoder):
    """A question encoder that leaves out whole words in training."""

    def __init__(self, config: dict) -> None:
        super().__init__(config, nn.LSTM)
        self.dropout = nn.Dropout1d(config["options"]["word_dropout"])


class Head(nn.Module):
    """One hidden layer and logits: (N, size) -> (N, C)."""

    def __init__(self, size: int, hidden_size: int, config: dict) -> None:
        super().__init__()
        self.hidden = nn.Linear(size, hidden_size)
        self.output = nn.Linear(hidden_size, config["num_answers"])
        self.dropout = nn.Dropout(config["options"]["dropout"])

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, C)."""
        return self.output(self.dropout(torch.relu(self.hidden(self.dropout(x)))))


class NormalizedHead(Head):
    """A head whose hidden layer is normalised over the batch."""

    def __init__(self, size: int, hidden_size: int, config: dict) -> None:
        super().__init__(size, hidden_size, config)
        self.norm = nn.BatchNorm1d(hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, C)."""
        return self.output(self.dropout(self.norm(torch.relu(self.hidden(x)))))


class LinearHead(nn.Module):
    """Logits: (N, size) -> (N, C)."""

    def __init__(self, size: int, config: dict) -> None:
        super().__init__()
        self.output = nn.Linear(size, config["num_answers"])
        self.dropout = nn.Dropout(config["options"]["dropout"])

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, C)."""
        return self.output(self.dropout(x))


class Sketch(nn.Module):
    """Count sketch and its Fourier transform: (..., D) -> complex (..., d // 2 + 1)."""

    buckets: Tensor
    signs: Tensor

    def __init__(self, size: int, sketch_size: int) -> None:
        super().__init__()
        self.sketch_size = sketch_size
        self.register_buffer("buckets", torch.zeros(size, dtype=torch.int64))
        self.register_buffer("signs", torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        """Return the spectra."""
        sketch = x.new_zeros(*x.shape[:-1], self.sketch_size)
        return torch.fft.rfft(sketch.index_add(-1, self.buckets, x * self.signs))


def bilinear_vector(a: Tensor, b: Tensor, size: int) -> Tensor:
    """Return the compact bilinear vector (..., size) of two spectra."""
    pooled = torch.fft.irfft(a * b, n=size)
    return unit_length(pooled / torch.sqrt(pooled.abs() + 1e-8))


class CompactBilinear(nn.Module):
    """Compact bilinear pooling of two vectors: (N, Q), (N, D) -> (N, d)."""

    def __init__(self, question_size: int, image_size: int, sketch_size: int) -> None:
        super().__init__()
        self.question = Sketch(question_size, sketch_size)
        self.image = Sketch(image_size, sketch_size)

    def forward(self, question: Tensor, image: Tensor) -> Tensor:
        """Return the compact bilinear vectors (N, d)."""
        spectra = self.question(unit_length(question)), self.image(unit_length(image))
        return bilinear_vector(*spectra, self.image.sketch_size)


def attend(scores: Tensor, mask: Tensor, rows: Tensor) -> Tensor:
    """Return the mean of `rows` (N, R, D) by the softmax of `scores` (N, R) where `mask`, bool (N, R)."""
    weights = torch.softmax(scores.masked_fill(~mask, -1e9), dim=1)
    return torch.bmm(weights.unsqueeze(1), rows).squeeze(1)
