"""Question encoders: word ids and lengths to one vector per question.

Every text is encoded from its own words and its own length alone, so that its place in the batch, its neighbours
and the amount of padding cannot change its vector.
"""

from __future__ import annotations

from typing import Any

from vqa._mxnet import mx
from vqa.errors import ConfigError
from vqa.nn.recurrent import GRU, LSTM
from vqa.nn.spec import MAX_PAIR_BUCKETS, PAIR_FACTOR

nn = mx.gluon.nn

# An NDArray in eager mode, a Symbol while Gluon traces the block.
Tensor = Any

RECURRENT_LAYERS = {"gru": GRU, "lstm": LSTM}


def length_mask(F: Any, tokens: Tensor, lengths: Tensor) -> Tensor:
    """Return float32 (Q, T): 1 at the real tokens of `tokens` (Q, T), 0 at the padding after `lengths` (Q,)."""
    positions = F.reshape(F.contrib.arange_like(tokens, axis=1), shape=(1, -1))
    return F.cast(F.broadcast_lesser(positions, F.reshape(lengths, shape=(-1, 1))), dtype="float32")


def last_state(F: Any, states: Tensor, lengths: Tensor) -> Tensor:
    """Return (N, H): of `states` (T, N, H) the one at each row's last real step, ``states[lengths[n] - 1, n]``.

    A row of length 0 gets its first state.
    """
    steps = F.maximum(lengths - 1, 0)
    return F.gather_nd(states, F.stack(steps, F.contrib.arange_like(lengths, axis=0)))


def pair_numbers(F: Any, tokens: Tensor, num_buckets: int) -> Tensor:
    """Return the bucket of each word with the one before it, int32 (Q, T), of word ids `tokens`, int32 (Q, T).

    Before the first word stands the unknown one, id 0. The bucket is ``(PAIR_FACTOR * before + word) % num_buckets``.
    """
    first = F.zeros_like(F.slice_axis(tokens, axis=1, begin=0, end=1))
    before = F.slice_axis(F.concat(first, tokens, dim=1), axis=1, begin=0, end=-1)
    # The remainder first: the product stays within 32 bits.
    return (before % num_buckets * PAIR_FACTOR + tokens) % num_buckets


class BagOfWords(mx.gluon.HybridBlock):
    """Sum of the embeddings of a question's real words: tokens (Q, T), lengths (Q,) -> (Q, size).

    With `pair_buckets`, an embedding of each pair of neighbouring words is added, of as many as there are buckets:
    "left of" is then more than "left" and "of". Pairs that fall into one bucket share their embedding. Source: Joulin,
    Grave, Bojanowski and Mikolov, "Bag of Tricks for Efficient Text Classification", EACL 2017.
    """

    def __init__(self, num_words: int, size: int, *, embedding_scale: float = 0.1, pair_buckets: int = 0) -> None:
        super().__init__()
        if pair_buckets > MAX_PAIR_BUCKETS:
            raise ConfigError(f"pair_buckets: expected at most {MAX_PAIR_BUCKETS}, got {pair_buckets}")
        self._pair_buckets = pair_buckets
        self.embedding = nn.Embedding(num_words, size, weight_initializer=mx.init.Normal(embedding_scale))
        if pair_buckets:
            # From 0, so that a pair that was never seen in training adds nothing.
            self.pairs = nn.Embedding(pair_buckets, size, weight_initializer=mx.init.Zero())

    def hybrid_forward(self, F: Any, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Return the sum, (Q, size)."""
        mask = F.expand_dims(length_mask(F, tokens, lengths), axis=1)  # (Q, 1, T)
        # A batch_dot, since multiplying by the mask and summing is many times slower on CPU.
        total = F.batch_dot(mask, self.embedding(tokens))
        if self._pair_buckets:
            pairs = self.pairs(pair_numbers(F, tokens, self._pair_buckets))
            total = total + F.batch_dot(mask, pairs)
        return F.squeeze(total, axis=1)


class RecurrentQuestionEncoder(mx.gluon.HybridBlock):
    """Embedding and one recurrent layer; the state at the last real word: tokens (Q, T), lengths (Q,) -> (Q, H).

    Dropout is a block of its own, after the embedding: the one inside MXNet's recurrent layers ignores the seed. With
    `whole_words`, all numbers of a word are dropped together.
    """

    def __init__(
        self,
        num_words: int,
        embedding_size: int,
        hidden_size: int,
        *,
        layer: str = "gru",
        dropout: float = 0.0,
        whole_words: bool = False,
        embedding_scale: float = 0.5,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_words, embedding_size, weight_initializer=mx.init.Normal(embedding_scale))
        self.dropout = nn.Dropout(dropout, axes=(2,) if whole_words else ())
        self.recurrent = RECURRENT_LAYERS[layer](hidden_size, layout="TNC", input_size=embedding_size)

    def hybrid_forward(self, F: Any, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Return the last real state, (Q, H)."""
        # Time first, as the layout says: transposing the ids is cheaper than transposing what they become.
        embedded = self.dropout(self.embedding(F.transpose(tokens)))  # (T, Q, E)
        return last_state(F, self.recurrent(embedded), lengths)
