"""Parameter files without MXNet: the same arrays as MXNet reads, the same bytes on the way back."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vqa._mxnet import mx
from vqa.errors import ConfigError, DataError
from vqa.export.conversion import convert
from vqa.export.safetensors_file import open_safetensors, pack, unpack
from vqa.params_file import open_params

MXNET_TYPES = ("float32", "float64", "float16", "uint8", "int32", "int8", "int64")


def save(path: Path, arrays: object) -> Path:
    mx.nd.save(str(path), arrays)
    return path


def values(dtype: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    count = int(np.prod(shape)) * np.dtype(dtype).itemsize
    # Any bits at all: NaN, infinities and denormal numbers among them.
    return np.frombuffer(np.random.default_rng(seed).bytes(count), dtype=dtype).reshape(shape)


def nd(array: np.ndarray) -> mx.nd.NDArray:
    return mx.nd.from_numpy(np.ascontiguousarray(array), zero_copy=False)


def seven_types(folder: Path) -> Path:
    arrays = {f"layer.{dtype}": nd(values(dtype, (3, 5), seed)) for seed, dtype in enumerate(MXNET_TYPES)}
    arrays["arg:a name with blanks, ünïcödé"] = nd(values("float32", (1,)))
    arrays["four"] = nd(values("float32", (2, 1, 3, 4)))
    return save(folder / "seven.params", arrays)


def test_arrays_are_those_that_mxnet_reads(tmp_path: Path) -> None:
    path = seven_types(tmp_path)
    ours, theirs = open_params(path).arrays(), mx.nd.load(str(path))
    assert list(ours) == list(theirs)
    for name, array in ours.items():
        expected = theirs[name].asnumpy()
        assert (array.dtype, array.shape) == (expected.dtype, expected.shape)
        assert array.tobytes() == expected.tobytes()


def test_a_round_trip_gives_the_same_file(tmp_path: Path) -> None:
    path = seven_types(tmp_path)
    convert(path, tmp_path / "a.safetensors")
    convert(tmp_path / "a.safetensors", tmp_path / "back.params")
    assert (tmp_path / "back.params").read_bytes() == path.read_bytes()


def test_other_programs_read_the_safetensors_file(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    path = seven_types(tmp_path)
    convert(path, tmp_path / "a.safetensors")
    theirs = safetensors.load_file(tmp_path / "a.safetensors")
    for name, array in open_params(path).arrays().items():
        assert theirs[name].tobytes() == array.tobytes()


def test_a_list_without_names_stays_without_names(tmp_path: Path) -> None:
    path = save(tmp_path / "list.params", [mx.nd.ones((2,)), mx.nd.zeros((1, 3))])
    assert list(convert(path, tmp_path / "a.safetensors").tensors) == ["0", "1"]
    convert(tmp_path / "a.safetensors", tmp_path / "back.params")
    assert (tmp_path / "back.params").read_bytes() == path.read_bytes()


def test_an_empty_file_of_mxnet_is_a_file_with_no_arrays(tmp_path: Path) -> None:
    path = save(tmp_path / "none.params", {})
    convert(path, tmp_path / "a.safetensors")
    convert(tmp_path / "a.safetensors", tmp_path / "back.params")
    assert (tmp_path / "back.params").read_bytes() == path.read_bytes()


def container(*arrays: bytes, names: list[bytes]) -> bytes:
    parts = [struct.pack("<QQQ", 0x112, 0, len(arrays)), *arrays, struct.pack("<Q", len(names))]
    return b"".join(parts + [struct.pack("<Q", len(name)) + name for name in names])


DATA = np.arange(6, dtype="<f4").tobytes()
OLD_LAYOUTS = {
    "before versions": struct.pack("<III", 2, 2, 3),
    "before sparse arrays": struct.pack("<Iiqq", 0xF993FAC8, 2, 2, 3),
    "today": struct.pack("<Iiiqq", 0xF993FAC9, 0, 2, 2, 3),
    "NumPy arrays": struct.pack("<Iiiqq", 0xF993FACA, 0, 2, 2, 3),
}


@pytest.mark.parametrize("layout", OLD_LAYOUTS)
@pytest.mark.parametrize("device", [(1, 0), (2, 3)], ids=["cpu", "gpu"])
def test_every_layout_that_mxnet_ever_wrote(layout: str, device: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "old.params"
    path.write_bytes(container(OLD_LAYOUTS[layout] + struct.pack("<iii", *device, 0) + DATA, names=[b"w"]))
    if layout != "NumPy arrays" and device == (1, 0):
        assert mx.nd.load(str(path))["w"].asnumpy().tolist() == [[0, 1, 2], [3, 4, 5]]
    assert open_params(path).array("w").tolist() == [[0, 1, 2], [3, 4, 5]]
    convert(path, tmp_path / "a.safetensors")
    convert(tmp_path / "a.safetensors", tmp_path / "back.params")
    assert (tmp_path / "back.params").read_bytes() == path.read_bytes()


def test_tensors_from_elsewhere_become_a_file_that_mxnet_loads(tmp_path: Path) -> None:
    arrays = {"a": np.float32([[1, 2]]), "b": np.int64([3]), "c": np.uint8([[4], [5]])}
    (tmp_path / "a.safetensors").write_bytes(pack(arrays, {"format": "pt"}))
    convert(tmp_path / "a.safetensors", tmp_path / "a.params")
    loaded = mx.nd.load(str(tmp_path / "a.params"))
    assert {name: array.asnumpy().tolist() for name, array in loaded.items()} == {
        name: array.tolist() for name, array in arrays.items()
    }


@pytest.mark.parametrize("kind", ["row_sparse", "csr"])
def test_a_sparse_array_is_refused_by_its_name(kind: str, tmp_path: Path) -> None:
    arrays = {"dense": mx.nd.ones((2, 2)), "embedding.weight": mx.nd.ones((3, 2)).tostype(kind)}
    path = save(tmp_path / "sparse.params", arrays)
    with pytest.raises(DataError, match=r"'embedding.weight' is .*sparse.*tostype\('default'\)"):
        convert(path, tmp_path / "a.safetensors")
    assert not (tmp_path / "a.safetensors").exists()


HEAD = struct.pack("<QQ", 0x112, 0)
TODAY = struct.pack("<Ii", 0xF993FAC9, 0)
HOSTILE = {
    "empty": (b"", "another kind of file"),
    "another magic": (struct.pack("<QQQ", 0x113, 0, 0), "another kind of file"),
    "a pickle": (b"\x80\x04cos\nsystem\n(S'true'\ntR.", "another kind of file"),
    "too many arrays": (HEAD + struct.pack("<Q", 2**63), "9,223,372,036,854,775,808 arrays"),
    "too many dimensions": (HEAD + struct.pack("<Q", 1) + TODAY + struct.pack("<i", 2**31 - 1), "2147483647 dim"),
    "a huge array": (
        HEAD + struct.pack("<Q", 1) + TODAY + struct.pack("<iqqiii", 2, 2**62, 2**62, 1, 0, 0),
        "the file ends inside array 1 of 1",
    ),
    "a negative size": (
        HEAD + struct.pack("<Q", 1) + TODAY + struct.pack("<iqqiii", 2, -4, -4, 1, 0, 0), r"shape \(-4, -4\)",
    ),
    "an unknown type": (
        HEAD + struct.pack("<Q", 1) + TODAY + struct.pack("<iqiii", 1, 1, 1, 0, 99), r"unknown type \(99\)",
    ),
    "an unknown storage": (
        HEAD + struct.pack("<Q", 1) + struct.pack("<Ii", 0xF993FAC9, 7), r"unknown way \(7\)",
    ),
    "a name as long as the memory": (
        container(TODAY + struct.pack("<iqiii", 1, 6, 1, 0, 0) + DATA, names=[])[:-8] + struct.pack("<QQ", 1, 2**60),
        "the file ends inside name 1 of 1",
    ),
    "two arrays of one name": (
        container(*[TODAY + struct.pack("<iqiii", 1, 6, 1, 0, 0) + DATA] * 2, names=[b"w", b"w"]), "the name 'w'",
    ),
    "more names than arrays": (container(names=[b"w"]), "0 arrays and 1 names"),
    "bytes after the end": (container(names=[]) + b"!", "1 bytes are left over"),
    "no numbers": (container(TODAY + struct.pack("<i", 0), names=[b"w"]), "'w' has no numbers"),
    "a name that is no text": (
        container(TODAY + struct.pack("<iqiii", 1, 6, 1, 0, 0) + DATA, names=[b"\xff"]), "not UTF-8",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_a_damaged_params_file_is_one_line(case: str, tmp_path: Path) -> None:
    data, message = HOSTILE[case]
    path = tmp_path / "bad.params"
    path.write_bytes(data)
    with pytest.raises(DataError, match=message) as caught:
        open_params(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@given(st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_is_one_line_or_no_damage(tmp_path: Path, data: st.DataObject) -> None:
    good = tmp_path / "good.params"
    if not good.exists():
        seven_types(tmp_path).rename(good)
    content = bytearray(good.read_bytes())
    cut = data.draw(st.integers(0, len(content)))
    content = content[: cut or None]
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, max(len(content) - 1, 0)))] = data.draw(st.integers(0, 255))
    bad = tmp_path / "bad.params"
    bad.write_bytes(content)
    try:
        opened = open_params(bad)
    except DataError as error:
        line = str(error)
    else:
        line = ""
        assert sum(tensor.num_bytes for tensor in opened.tensors.values()) < len(content)
    assert "\n" not in line


def header(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "ends inside the length of its header"),
        (struct.pack("<Q", 2**62) + b"{}", "a header of 4,611,686,018,427,387,904 bytes"),
        (struct.pack("<Q", 100) + b"{}", "the file ends inside its header"),
        (header("not json"), "Expecting value"),
        (header("[]"), "its header is damaged"),
        (header("[" * 100_000), "its header is damaged"),
        (header('{"__metadata__": {"a": 1}}'), "other than texts"),
        (header('{"w": 1}'), "its header is damaged"),
        (header('{"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}'), "the file ends inside tensor 'w'"),
        (
            header('{"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}') + b"1234",
            "should lie at bytes 0 to 8",
        ),
        (
            header('{"w": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}') + b"12345678",
            "should lie at bytes 0",
        ),
        (header('{"w": {"dtype": "F32", "shape": [-1], "data_offsets": [0, -4]}}'), r"the shape \[-1\]"),
        (header('{"w": {"dtype": "F32", "shape": [true], "data_offsets": [0, 4]}}') + b"1234", r"the shape \[True\]"),
        (header('{"w": {"dtype": "Q99", "shape": [1], "data_offsets": [0, 4]}}') + b"1234", "of the type 'Q99'"),
        (header('{"w": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}') + b"12", "1 bytes are left over"),
        (header('{"w": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}, "w": {}}') + b"1", "occurs twice"),
    ],
)
def test_a_damaged_safetensors_file_is_one_line(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(data)
    with pytest.raises(DataError, match=message) as caught:
        open_safetensors(path)
    assert "\n" not in str(caught.value)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_what_is_packed_is_unpacked(data: st.DataObject) -> None:
    shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)
    names = st.text(min_size=1, max_size=5).filter(lambda name: name.isprintable())
    arrays = {
        name: np.zeros(data.draw(shapes), dtype=data.draw(st.sampled_from(MXNET_TYPES)))
        for name in data.draw(st.sets(names, max_size=4))
    }
    back = unpack(pack(arrays, {}))
    assert list(back) == list(arrays)
    assert all(back[name].dtype == arrays[name].dtype and back[name].shape == arrays[name].shape for name in arrays)


def test_the_suffixes_say_what_is_meant(tmp_path: Path) -> None:
    for source, target in (("a.pth", "a.params"), ("a.params", "b.params"), ("a.params", "a.npz")):
        with pytest.raises(ConfigError):
            convert(tmp_path / source, tmp_path / target)


def test_a_file_that_is_not_there_and_numbers_that_mxnet_lacks(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        convert(tmp_path / "none.params", tmp_path / "a.safetensors")
    (tmp_path / "u16.safetensors").write_bytes(pack({"w": np.zeros(3, dtype=np.uint16)}, {}))
    with pytest.raises(DataError, match="'w' holds U16 numbers, which MXNet does not have"):
        convert(tmp_path / "u16.safetensors", tmp_path / "a.params")


def test_metadata_that_was_tampered_with_is_one_line(tmp_path: Path) -> None:
    for text in ("1", "{", '{"w": [1]}', '{"x": [4185520841, 1, 0]}', '{"w": [4185520841, 1e400, 0]}', "[" * 9999):
        (tmp_path / "bad.safetensors").write_bytes(pack({"w": np.zeros(3, dtype=np.uint8)}, {"mxnet.arrays": text}))
        with pytest.raises(DataError, match=r"metadata 'mxnet\.arrays' is damaged"):
            convert(tmp_path / "bad.safetensors", tmp_path / "a.params")
        assert not (tmp_path / "a.params").exists()


def test_a_gigabyte_passes_through_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.params"
    size = 10**9
    with open(path, "wb") as file:
        file.write(HEAD + struct.pack("<Q", 1) + TODAY + struct.pack("<iqiii", 1, size, 1, 0, 3))
        file.seek(size, 1)
        file.write(struct.pack("<QQ", 1, 1) + b"w")
    tracemalloc.start()
    opened = open_params(path)
    assert sum(map(len, opened.chunks("w"))) == size
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000
