"""Reading a PyTorch archive: the numbers as PyTorch wrote them, and nothing that it asks for is run."""

import base64
import zlib

import numpy as np
import pytest

from vqa.errors import DataError
from vqa.features.torch_archive import read_torch_archive

# Written by torch.save (PyTorch 2.13, _use_new_zipfile_serialization=False) from the state dict
#   t = arange(12, float32).reshape(3, 4) / 2;  {"weight": t.t(), "part": t[1:, 2:], "count": tensor(7)}
ARCHIVE = zlib.decompress(
    base64.b64decode(
        "eNptUbtOG0EUnX3YTibmlRfhUVCuGwu8xkAVF4hmSADTTIMWsx55B612fHfvEiUSkiuLpMoHpEiZkk/I7+QTIqXIXa8FQvJIZ0Zz595zzr0z"
        "tr/x+N+Po79b179O15pj+8Mfh/ZbYJ5cZoyNUoMmNHFwo9JMmwQsSpAL9BJrxFgFKhnofgL2neQUxM8jFWT6i8rAuQXXkxUKZpFJESrClg7d"
        "dIJQFa50Cw6TDKEm3DwnzZBkYhUiqWT8JB2oVA0OdYgcWKMHlierVPFJ6WGEYIdo0jBqBjnqOONBqq5yHQ8CVElm0uCmxcHxPFkr1CmzP1Tg"
        "liX8KDZ9PC+DHCpykXIO2r6/s9PeO+js+e02VKdGw1FO3uofEZ6dCSZc4UzgubCEOwH+NSo8vUCo92Bh2sqoTz0uRqQaudFc1qWoZFs+E1Vh"
        "C3sCK0RqTeBlyfYK4XUP3kxHFpqcxvS2pJsZP6ZhPfhefVRo+budzr7f2oZ3pGCRwhr5bTRK1nWEjR5sFgO+KD51jjFrHpetmnX2ZL1nbEz4"
        "TWBdxrYIXcIlYUz4TvhJuO9as4La7PwPJxGZCg=="
    )
)
HEADER = ARCHIVE[: ARCHIVE.index(b"ccollections")]  # magic number, protocol, and the first two bytes of the state dict


def read(tmp_path, content):
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    return read_torch_archive(path)


def test_gives_the_tensors_that_pytorch_wrote(tmp_path):
    tensors = read(tmp_path, ARCHIVE)
    assert list(tensors) == ["weight", "part", "count"]
    # Transposed and cut out of one storage: strides (1, 4), and (4, 1) from the 7th number on.
    assert tensors["weight"].tolist() == [[0.0, 2.0, 4.0], [0.5, 2.5, 4.5], [1.0, 3.0, 5.0], [1.5, 3.5, 5.5]]
    assert tensors["part"].tolist() == [[3.0, 3.5], [5.0, 5.5]]
    assert tensors["weight"].dtype == np.float32
    assert tensors["count"].shape == ()
    assert tensors["count"].dtype == np.int64
    assert tensors["count"] == 7


@pytest.mark.parametrize("length", [0, 1, 10, 40, 200, len(ARCHIVE) - 9, len(ARCHIVE) - 1])
def test_a_file_cut_off_anywhere_is_an_error(tmp_path, length):
    with pytest.raises(DataError, match=r"weights\.pth"):
        read(tmp_path, ARCHIVE[:length])


def test_a_call_of_anything_else_is_refused_and_not_made(tmp_path):
    trace = tmp_path / "trace"
    call = b"cos\nsystem\nX" + len(f"touch {trace}").to_bytes(4, "little") + f"touch {trace}".encode() + b"\x85R."
    with pytest.raises(DataError, match=r"os\.system"):
        read(tmp_path, HEADER + call)
    assert not trace.exists()


def test_attributes_of_allowed_names_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"torch\._utils\.os\.system"):
        read(tmp_path, HEADER + b"ctorch._utils\nos.system\n)R.")


def test_an_unknown_instruction_is_refused(tmp_path):
    with pytest.raises(DataError, match="instruction INST"):
        read(tmp_path, HEADER + b"(ios\nsystem\n.")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"K\x04K\x03\x86", b"K\x04K\x7f\x86"),  # shape (4, 127) of 12 numbers
        (b"K\x01K\x04\x86", b"K\x01K\x7f\x86"),  # stride 127 in 12 numbers
        (b"K\x04K\x03\x86", b"K\x04K\x00\x86"),  # an empty axis
    ],
)
def test_a_tensor_outside_its_storage_is_refused(tmp_path, old, new):
    assert ARCHIVE.count(old) == 1
    with pytest.raises(DataError, match="12 numbers"):
        read(tmp_path, ARCHIVE.replace(old, new))


def test_another_kind_of_file_is_an_error(tmp_path):
    with pytest.raises(DataError, match="PyTorch before"):
        read(tmp_path, b"PK\x03\x04 a zip archive")


def test_no_more_memory_is_asked_for_than_the_file_can_fill(tmp_path):
    text_of_2_gigabytes = b"X\x00\x00\x00\x7f"
    with pytest.raises(DataError, match="expected 2130706432 bytes"):
        read(tmp_path, HEADER + text_of_2_gigabytes)


# Pairs of pairs of pairs: three bytes in the file double the value, its text, and the time that its hash takes.
NESTED = b"K\x01" + b"".join(bytes((ord("q"), number, ord("h"), number, 0x86)) for number in range(100))


@pytest.mark.parametrize("rest", [b"}" + NESTED + b"K\x01s.", b"}(" + NESTED + b"K\x01u.", b"(" + NESTED + b"NNNNNtQ."])
def test_a_value_of_many_pairs_is_neither_hashed_nor_shown(tmp_path, rest):
    with pytest.raises(DataError, match=r"no texts|of another kind"):
        read(tmp_path, HEADER + rest)


def test_many_tensors_of_the_same_numbers_are_refused(tmp_path):
    start, end = ARCHIVE.index(b"(X\x06\x00\x00\x00weight"), ARCHIVE.index(b"X\x04\x00\x00\x00part")
    one = ARCHIVE[start + 1 : end]
    more = b"".join(one.replace(b"weight", b"w%05d" % number) for number in range(50))
    assert len(read(tmp_path, ARCHIVE)) == 3
    with pytest.raises(DataError, match="share their numbers more than 8 times"):
        read(tmp_path, ARCHIVE[:end] + more + ARCHIVE[end:])
