"""File formats taken apart and put together again, so that damage gets past lengths, checksums and compression."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
import zlib

import pyarrow as pa
import pyarrow.parquet as pq
from mutations import Format

PNG_START = b"\x89PNG\r\n\x1a\n"


def _gzipped(parts: dict[str, bytes]) -> bytes:
    return gzip.compress(parts[""], 1, mtime=0)


GZIP = Format(lambda data: {"": gzip.decompress(data)}, _gzipped)


def _npy_parts(data: bytes) -> dict[str, bytes]:
    end = 10 + int.from_bytes(data[8:10], "little")
    return {"header": data[10:end].rstrip(), "rows": data[end:]}


def _npy(parts: dict[str, bytes]) -> bytes:
    header = parts["header"] + b" " * (-(11 + len(parts["header"])) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + parts["rows"]


NPY = Format(_npy_parts, _npy)


def _safetensors_parts(data: bytes) -> dict[str, bytes]:
    end = 8 + int.from_bytes(data[:8], "little")
    return {"header": data[8:end], "numbers": data[end:]}


def _safetensors(parts: dict[str, bytes]) -> bytes:
    return len(parts["header"]).to_bytes(8, "little") + parts["header"] + parts["numbers"]


SAFETENSORS = Format(_safetensors_parts, _safetensors)


def _zip_parts(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _zip(parts: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


ZIP = Format(_zip_parts, _zip)


def _png_parts(data: bytes) -> dict[str, bytes]:
    parts, place = {}, len(PNG_START)
    while place < len(data):
        length, kind = struct.unpack(">I4s", data[place : place + 8])
        content = data[place + 8 : place + 8 + length]
        parts[f"{len(parts)} {kind.decode('latin-1')}"] = zlib.decompress(content) if kind == b"IDAT" else content
        place += 12 + length
    return parts


def _png(parts: dict[str, bytes]) -> bytes:
    file = PNG_START
    for name, content in parts.items():
        kind = name.partition(" ")[2].encode("latin-1")
        content = zlib.compress(content, 1) if kind == b"IDAT" else content
        file += struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return file


PNG = Format(_png_parts, _png)


def _parquet_parts(data: bytes) -> dict[str, bytes]:
    table = pq.read_table(io.BytesIO(data))
    metadata = table.schema.metadata or {}
    return {
        "columns": json.dumps(table.to_pydict()).encode("utf-8"),
        "pandas": metadata.get(b"pandas", b"{}"),
    }


def _parquet(parts: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    table = pa.table(json.loads(parts["columns"]))
    pq.write_table(table.replace_schema_metadata({b"pandas": parts["pandas"]}), file)
    return file.getvalue()


PARQUET = Format(_parquet_parts, _parquet)


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 127:
        written.append(number & 127 | 128)
        number >>= 7
    return bytes([*written, number])


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[place]
        number |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return number, place


def _fields(data: bytes) -> list[tuple[int, bytes]]:
    """Return the fields of a message of protocol buffers: the key of each, and its bytes without their length."""
    found, place = [], 0
    while place < len(data):
        key, place = _read_varint(data, place)
        kind = key & 7
        if kind == 2:
            length, place = _read_varint(data, place)
            end = place + length
        else:
            end = _read_varint(data, place)[1] if kind == 0 else place + {1: 8, 5: 4}[kind]
        if end > len(data) or key < 8:
            raise ValueError("not a message")
        found.append((key, data[place:end]))
        place = end
    return found


def _message_parts(data: bytes, path: str = "", depth: int = 0) -> dict[str, bytes]:
    parts = {}
    for number, (key, content) in enumerate(_fields(data)):
        name = f"{path}{number}:{key}/"
        try:
            inner = _message_parts(content, name, depth + 1) if key & 7 == 2 and len(content) > 3 and depth < 6 else {}
        except (ValueError, IndexError, KeyError):
            inner = {}
        parts.update(inner or {name: content})
    return parts


def _message(parts: dict[str, bytes]) -> bytes:
    """Put a message together from the inside out: the path of a part names the keys of the messages around it."""
    groups: dict[str, list[tuple[int, bytes]]] = {}
    written = b""
    for name, content in parts.items():
        field, _, rest = name.partition("/")
        groups.setdefault(field, []).append((rest, content))
    for field, members in groups.items():
        key = int(field.partition(":")[2])
        content = _message(dict(members)) if members[0][0] else members[0][1]
        written += _varint(key) + (_varint(len(content)) if key & 7 == 2 else b"") + content
    return written


PROTOBUF = Format(_message_parts, _message)
