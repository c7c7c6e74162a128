"""The networks of all presets in plain PyTorch; `vqa.export.torch_module` copies the one that is asked for."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from vqa.export.torch_blocks import (
    BagOfWords,
    CompactBilinear,
    Head,
    LinearHead,
    NormalizedHead,
    QuestionEncoder,
    Sketch,
    WordDropQuestionEncoder,
    attend,
    bilinear_vector,
    image_vectors,
    last_state,
    row_mask,
    unit_length,
    vector_size,
)


class QuestionOnly(nn.Module):
    """GRU over words, blind to the image."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        hidden_size = config["options"]["hidden_size"]
        self.question_encoder = QuestionEncoder(config)
        self.head = Head(hidden_size, hidden_size, config)

    def forward(
        self, images: Tensor, image_index: Tensor, tokens: Tensor, lengths: Tensor, question_index: Tensor
    ) -> Tensor:
        """Return raw logits (N, C)."""
        return self.head(self.question_encoder(tokens, lengths)[question_index])


class SoftmaxRegression(nn.Module):
    """Bag of words and the image's own numbers, one linear layer over both."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        self.kind = config["image_kind"]
        self.image = nn.Linear(vector_size(config), config["num_answers"])
        self.question_encoder = BagOfWords(config["num_words"], config["num_answers"])

    def forward(
        self, images: Tensor, image_index: Tensor, tokens: Tensor, lengths: Tensor, question_index: Tensor
    ) -> Tensor:
        """Return raw logits (N, C)."""
        image = self.image(image_vectors(images, self.kind))
        return self.question_encoder(tokens, lengths)[question_index] + image[image_index]


class Mlp(nn.Module):
    """Sum of word vectors and image features, each of unit length, through one hidden layer."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        options = config["options"]
        self.kind = config["image_kind"]
        self.question_encoder = BagOfWords(
            config["num_words"], options["embedding_size"], options.get("pair_buckets", 0)
        )
        self.dropout = nn.Dropout(options.get("input_dropout", 0.0))
        self.head = NormalizedHead(options["embedding_size"] + vector_size(config), options["hidden_size"], config)

    def forward(
        self, images: Tensor, image_index: Tensor, tokens: Tensor, lengths: Tensor, question_index: Tensor
    ) -> Tensor:
        """Return raw logits (N, C)."""
        question = unit_length(self.question_encoder(tokens, lengths))[question_index]
        image = unit_length(image_vectors(images, self.kind))[image_index]
        return self.head(self.dropout(torch.cat([question, image], dim=1)))


class ConvImageEncoder(nn.Module):
    """Small convolutional network: pixels (M, 3, H, W) -> (M, size), the maximum over the last map."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        layers, depth = [], 3
        for stage, number in enumerate((channels, 2 * channels, 4 * channels)):
            kernel, stride = (5, 2) if stage == 0 else (3, 1)
            layers += [nn.Conv2d(depth, number, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(number)]
            layers += [nn.ReLU()] if stage == 0 else [nn.MaxPool2d(2), nn.ReLU()]
            depth = number
        self.stages = nn.Sequential(*layers)
        self.project = nn.Linear(depth, size)

    def forward(self, images: Tensor) -> Tensor:
        """Return image vectors (M, size)."""
        return torch.relu(self.project(self.stages(images).amax(dim=(2, 3))))


class CnnGru(nn.Module):
    """Convolutional network over pixels, GRU over words, product of the two."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        options = config["options"]
        self.image_encoder = ConvImageEncoder(options["channels"], options["hidden_size"])
        self.question_encoder = QuestionEncoder(config)
        self.head = Head(options["hidden_size"], options["hidden_size"], config)

    def forward(
        self, images: Tensor, image_index: Tensor, tokens: Tensor, lengths: Tensor, question_index: Tensor
    ) -> Tensor:
        """Return raw logits (N, C)."""
        question = self.question_encoder(tokens, lengths)[question_index]
        return self.head(question * self.image_encoder(images)[image_index])


class Mcb(nn.Module):
    """Compact bilinear pooling of a GRU over words with image features, then a linear layer."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        options = config["options"]
        self.kind = config["image_kind"]
        self.question_encoder = QuestionEncoder(config)
        self.fusion = CompactBilinear(options["hidden_size"], vector_size(config), options["sketch_size"])
        self.head = LinearHead(options["sketch_size"], config)

    def forward(
        self, images: Tensor, image_index: Tensor, tokens: Tensor, lengths: Tensor, question_index: Tensor
    ) -> Tensor:
        """Return raw logits (N, C)."""
        question = self.question_encoder(tokens, lengths)[question_index]
        return self.head(self.fusion(question, image_vectors(images, self.kind)[image_index]))


class McbAttention(nn.Module):
    """Attention over regions from their compact bilinear map with the question, then `Mcb`."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        options = config["options"]
        size, image_size, sketch_size = options["hidden_size"], vector_size(config), options["sketch_size"]
        self.question_encoder = QuestionEncoder(config)
        self.image_sketch = Sketch(image_size, sketch_size)
        self.question_sketch = Sketch(size, sketch_size)
        self.hidden = nn.Linear(sketch_size, size)
        self.score = nn.Linear(size, 1)
        self.fusion = CompactBilinear(size, image_size, sketch_size)
        self.head = LinearHead(sketch_size, config)

    def forward(
        self, images: Tensor, image_index: Tensor, tokens: Tensor, lengths: Tensor, question_index: Tensor
    ) -> Tensor:
        """Return raw logits (N, C)."""
        question = self.question_encoder(tokens, lengths)[question_index]
        regions = unit_length(images)
        spectra, mask = self.image_sketch(regions)[image_index], row_mask(images)[image_index]
        asked = self.question_sketch(unit_length(question)).unsqueeze(1)
        joint = bilinear_vector(asked, spectra, self.image_sketch.sketch_size)  # (N, R, d)
        scores = self.score(torch.relu(self.hidden(joint))).squeeze(2)
        return self.head(self.fusion(question, attend(scores, mask, regions[image_index])))


class LstmProduct(nn.Module):
    """LSTM over the frames of a video, LSTM over words, product of their last states."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        hidden_size = config["options"]["hidden_size"]
        self.frames = nn.LSTM(vector_size(config), hidden_size, batch_first=True)
        self.question_encoder = QuestionEncoder(config, nn.LSTM)
        self.head = Head(hidden_size, hidden_size, config)

    def forward(
        self, images: Tensor, image_index: Tensor, tokens: Tensor, lengths: Tensor, question_index: Tensor
    ) -> Tensor:
        """Return raw logits (N, C)."""
        numbers = torch.arange(1, images.shape[1] + 1, device=images.device)
        last = (row_mask(images) * numbers).amax(dim=1)
        video = last_state(self.frames(images)[0], last)[image_index]
        return self.head(self.question_encoder(tokens, lengths)[question_index] * video)


class Updn(nn.Module):
    """Attention of the question over regions, top-down."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        size, image_size = config["options"]["hidden_size"], vector_size(config)
        self.question_encoder = QuestionEncoder(config)
        self.keys = nn.Linear(image_size, size, bias=False)
        self.query = nn.Linear(size, size)
        self.question = nn.Linear(size, size)
        self.image = nn.Linear(image_size, size)
        self.head = Head(size, 2 * size, config)

    def forward(
        self, images: Tensor, image_index: Tensor, tokens: Tensor, lengths: Tensor, question_index: Tensor
    ) -> Tensor:
        """Return raw logits (N, C)."""
        question = self.question_encoder(tokens, lengths)[question_index]
        projected = self.keys(images)
        keys, mask = torch.relu(projected)[image_index], row_mask(projected)[image_index]
        query = self.query(question) / math.sqrt(keys.shape[2])
        pooled = attend(torch.bmm(keys, query.unsqueeze(2)).squeeze(2), mask, images[image_index])
        return self.head(torch.relu(self.question(question)) * torch.relu(self.image(pooled)))


class San(nn.Module):
    """Stacked attention over regions: each hop adds what it saw to the query of the next."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        options = config["options"]
        size, attention_size, hops = options["hidden_size"], options["attention_size"], range(options["hops"])
        self.question_encoder = WordDropQuestionEncoder(config)
        self.regions = nn.Linear(vector_size(config), size)
        self.keys = nn.ModuleList([nn.Linear(size, attention_size, bias=False) for _ in hops])
        self.query = nn.ModuleList([nn.Linear(size, attention_size) for _ in hops])
        self.score = nn.ModuleList([nn.Linear(attention_size, 1, bias=False) for _ in hops])
        self.head = LinearHead(size, config)

    def forward(
        self, images: Tensor, image_index: Tensor, tokens: Tensor, lengths: Tensor, question_index: Tensor
    ) -> Tensor:
        """Return raw logits (N, C)."""
        query = self.question_encoder(tokens, lengths)[question_index]
        by_image = torch.tanh(self.regions(images))
        mask, values = row_mask(images)[image_index], by_image[image_index]
        for keys, ask, score in zip(self.keys, self.query, self.score):
            matched = torch.tanh(keys(by_image)[image_index] + ask(query).unsqueeze(1))  # (N, R, A)
            query = query + attend(score(matched).squeeze(2), mask, values)
        return self.head(query)


NETWORKS = {
    "question-only": QuestionOnly,
    "softmax-regression": SoftmaxRegression,
    "mlp": Mlp,
    "cnn-gru": CnnGru,
    "mcb": Mcb,
    "mcb-attention": McbAttention,
    "lstm-product": LstmProduct,
    "updn": Updn,
    "san": San,
}
