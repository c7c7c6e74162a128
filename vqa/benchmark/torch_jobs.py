"""The same networks in PyTorch, layer for layer, and their training steps and forward passes as jobs.

Written as PyTorch's own documentation would have it; nothing here is slowed down or left out.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vqa.benchmark.sizes import Arrays, Sizes, data_arrays, random_arrays, sizes_of, unshared
from vqa.benchmark.worker import Job


class QuestionEncoder(nn.Module):
    """As `vqa.nn.question_encoders.RecurrentQuestionEncoder` with a GRU."""

    def __init__(self, num_words: int, embedding_size: int, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_words, embedding_size)
        self.dropout = nn.Dropout(dropout)
        self.recurrent = nn.GRU(embedding_size, hidden_size, batch_first=True)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Return the state at the last real word, (N, H)."""
        states, _ = self.recurrent(self.dropout(self.embedding(tokens)))
        return states[torch.arange(len(lengths)), lengths - 1]


def hidden_layer(
    size: int, hidden_size: int, num_answers: int, dropout: float, *, batch_norm: bool = False
) -> nn.Sequential:
    """As `vqa.nn.heads.hidden_layer`."""
    first: list[nn.Module] = [] if batch_norm else [nn.Dropout(dropout)]
    normalization: list[nn.Module] = [nn.BatchNorm1d(hidden_size)] if batch_norm else []
    return nn.Sequential(
        *first,
        nn.Linear(size, hidden_size),
        nn.ReLU(),
        *normalization,
        nn.Dropout(dropout),
        nn.Linear(hidden_size, num_answers),
    )


class CnnGru(nn.Module):
    """As the preset `cnn-gru`."""

    def __init__(
        self, sizes: Sizes, *, embedding_size: int, hidden_size: int, channels: int = 16, dropout: float = 0.0
    ) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        depth = 3
        for stage, number in enumerate((channels, 2 * channels, 4 * channels)):
            kernel, stride = (5, 2) if stage == 0 else (3, 1)
            stages += [nn.Conv2d(depth, number, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(number)]
            stages += [nn.ReLU()] if stage == 0 else [nn.ReLU(), nn.MaxPool2d(2)]
            depth = number
        self.stages = nn.Sequential(*stages, nn.AdaptiveMaxPool2d(1), nn.Flatten())
        self.project = nn.Linear(depth, hidden_size)
        self.question_encoder = QuestionEncoder(sizes.num_words, embedding_size, hidden_size, 0.0)
        self.head = hidden_layer(hidden_size, hidden_size, sizes.num_answers, dropout)

    def forward(
        self, images: Tensor, image_index: Tensor, tokens: Tensor, lengths: Tensor, question_index: Tensor
    ) -> Tensor:
        """Return logits (N, C)."""
        encoded = torch.relu(self.project(self.stages(images)))[image_index]
        return self.head(self.question_encoder(tokens, lengths)[question_index] * encoded)


class Mlp(nn.Module):
    """As the preset `mlp` on features."""

    def __init__(self, sizes: Sizes, *, embedding_size: int, hidden_size: int, dropout: float = 0.3) -> None:
        super().__init__()
        self.embedding = nn.Embedding(sizes.num_words, embedding_size)
        size = embedding_size + sizes.image_shape[-1]
        self.head = hidden_layer(size, hidden_size, sizes.num_answers, dropout, batch_norm=True)

    def forward(
        self, images: Tensor, image_index: Tensor, tokens: Tensor, lengths: Tensor, question_index: Tensor
    ) -> Tensor:
        """Return logits (N, C)."""
        real = torch.arange(tokens.shape[1]) < lengths[:, None]
        question = torch.where(real[:, :, None], self.embedding(tokens), 0.0).sum(1)[question_index]
        image = functional.normalize(images)[image_index]
        return self.head(torch.cat([functional.normalize(question), image], dim=1))


class UpDn(nn.Module):
    """As the preset `updn`."""

    def __init__(self, sizes: Sizes, *, embedding_size: int, hidden_size: int, dropout: float = 0.3) -> None:
        super().__init__()
        image_size = sizes.image_shape[-1]
        self.question_encoder = QuestionEncoder(sizes.num_words, embedding_size, hidden_size, dropout)
        self.keys = nn.Linear(image_size, hidden_size, bias=False)
        self.query = nn.Linear(hidden_size, hidden_size)
        self.question = nn.Linear(hidden_size, hidden_size)
        self.image = nn.Linear(image_size, hidden_size)
        self.head = hidden_layer(hidden_size, 2 * hidden_size, sizes.num_answers, dropout)
        self.scale = 1 / math.sqrt(hidden_size)

    def forward(
        self, images: Tensor, image_index: Tensor, tokens: Tensor, lengths: Tensor, question_index: Tensor
    ) -> Tensor:
        """Return logits (N, C)."""
        projected = self.keys(images)
        mask = (projected != 0).any(2)[image_index]
        keys, regions = torch.relu(projected)[image_index], images[image_index]
        question = self.question_encoder(tokens, lengths)[question_index]
        scores = torch.bmm(keys, (self.query(question) * self.scale)[:, :, None])[:, :, 0]
        weights = torch.softmax(scores.masked_fill(~mask, -1e9), dim=1)
        pooled = torch.bmm(weights[:, None], regions)[:, 0]
        return self.head(torch.relu(self.question(question)) * torch.relu(self.image(pooled)))


NETWORKS: dict[str, type[nn.Module]] = {"cnn-gru": CnnGru, "mlp": Mlp, "updn": UpDn}


def network_of(sizes: Sizes) -> nn.Module:
    """Return the network of these sizes."""
    torch.manual_seed(1)
    return NETWORKS[sizes.preset](sizes, **sizes.options)


def num_parameters(network: nn.Module) -> int:
    """Return how many numbers a network learns."""
    return sum(parameter.numel() for parameter in network.parameters())


def to_tensors(arrays: Arrays) -> list[Tensor]:
    """Return a batch as tensors, ids as int64: what PyTorch indexes with."""
    images, *integers = map(torch.from_numpy, arrays)
    return [images, *(array.long() for array in integers)]


def multi_answer_loss(logits: Tensor, answers: Tensor) -> Tensor:
    """Return the loss of each question, (N,), as `vqa.nn.losses.MultiAnswerSoftmaxLoss`."""
    known = (answers >= 0).float()
    picked = functional.log_softmax(logits, dim=1).gather(1, answers.clamp(min=0))
    return -(picked * known).sum(1) / known.sum(1).clamp(min=1)


def training(sizes: dict[str, Any]) -> Job:
    """Return training steps on one batch."""
    size = sizes_of(sizes)
    return _training(size, [random_arrays(size)])


def training_on_data(sizes: dict[str, Any], card: str, num_batches: int) -> Job:
    """Return training steps on the batches of a data set in turn, every row with its own image and words."""
    size = sizes_of(sizes)
    return _training(size, [unshared(batch) for batch in data_arrays(card, size.num_questions, num_batches)])


def _training(size: Sizes, batches: list[Arrays]) -> Job:
    network = network_of(size).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    turns = itertools.cycle([to_tensors(batch) for batch in batches])

    def step() -> None:
        *inputs, answers = next(turns)
        optimizer.zero_grad()
        multi_answer_loss(network(*inputs), answers).mean().backward()
        optimizer.step()

    return Job(step, _nothing, _facts(network, batches))


def inference(sizes: dict[str, Any]) -> Job:
    """Return forward passes of one batch, in evaluation mode."""
    size = sizes_of(sizes)
    network, arrays = network_of(size).eval(), random_arrays(size)
    *inputs, _ = to_tensors(arrays)

    def step() -> None:
        with torch.inference_mode():
            network(*inputs)

    return Job(step, _nothing, _facts(network, [arrays]))


def _nothing() -> None:
    """Wait for nothing: on a CPU PyTorch returns when the work is done."""


def _facts(network: nn.Module, batches: list[Arrays]) -> dict[str, Any]:
    return {
        "parameters": num_parameters(network),
        "questions": sum(len(batch.answers) for batch in batches) / len(batches),
        "threads": torch.get_num_threads(),
    }
