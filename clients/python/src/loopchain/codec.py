"""Canonical CBOR, hashes, Merkle paths: the bytes that are hashed and signed (docs/spec/wire.md).

In: int, bytes, str, list, bool, None. Out: the one encoding of each, and back. A reader refuses every other
form. Not here: what the arrays mean.
"""

from __future__ import annotations

import hashlib
from typing import Any, List, Sequence, Tuple

#: Arrays in arrays; bounds the recursion of the reader.
DEPTH_MAX = 24


class CodecError(ValueError):
    """Bytes that are not canonical, with the place of the first wrong one."""


def _head(major: int, value: int) -> bytes:
    if value < 24:
        return bytes([major << 5 | value])
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if value < 1 << (8 * size):
            return bytes([major << 5 | code]) + value.to_bytes(size, "big")
    raise CodecError(f"{value} has more than 64 bits")


def encode(value: Any) -> bytes:
    """The canonical bytes of a value."""
    if value is None:
        return b"\xf6"
    if value is True or value is False:
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, (bytes, bytearray)):
        return _head(2, len(value)) + bytes(value)
    if isinstance(value, str):
        text = value.encode("utf-8")
        return _head(3, len(text)) + text
    if isinstance(value, (list, tuple)):
        return _head(4, len(value)) + b"".join(encode(item) for item in value)
    raise CodecError(f"{type(value).__name__} has no encoding")


def decode(data: bytes) -> Any:
    """The value of canonical bytes, all of them."""
    value, at = _decode(data, 0, DEPTH_MAX)
    if at != len(data):
        raise CodecError(f"bytes are left over at {at}")
    return value


def _decode(data: bytes, at: int, depth: int) -> Tuple[Any, int]:
    start = at
    if depth == 0 or at >= len(data):
        raise CodecError(f"the bytes end early or are nested too deep at {at}")
    major, small = data[at] >> 5, data[at] & 31
    at += 1
    if major == 7:
        if small in (20, 21, 22):
            return {20: False, 21: True, 22: None}[small], at
        raise CodecError(f"no such value at {start}")
    value = small
    if small >= 24:
        size = {24: 1, 25: 2, 26: 4, 27: 8}.get(small)
        if size is None or at + size > len(data):
            raise CodecError(f"no such length at {start}")
        value = int.from_bytes(data[at : at + size], "big")
        at += size
        if _head(major, value) != data[start:at]:
            raise CodecError(f"not the shortest form at {start}")
    if major == 0:
        return value, at
    if major == 1:
        return -1 - value, at
    if major in (2, 3):
        if value > len(data) - at:
            raise CodecError(f"longer than the rest at {start}")
        piece, at = data[at : at + value], at + value
        if major == 2:
            return piece, at
        try:
            return piece.decode("utf-8"), at
        except UnicodeDecodeError as error:
            raise CodecError(f"no UTF-8 at {start}") from error
    if major == 4:
        if value > len(data) - at:
            raise CodecError(f"longer than the rest at {start}")
        items: List[Any] = []
        for _ in range(value):
            item, at = _decode(data, at, depth - 1)
            items.append(item)
        return items, at
    raise CodecError(f"no maps and tags at {start}")


def message(domain: str, *fields: bytes) -> bytes:
    """What is signed: the tag of the domain and the fields, each behind its length."""
    tag = f"loopchain/{domain}/v1".encode("ascii")
    return b"".join(len(part).to_bytes(8, "big") + part for part in (tag, *fields))


def digest(domain: str, *fields: bytes) -> bytes:
    """SHA-256 of the message."""
    return hashlib.sha256(message(domain, *fields)).digest()


def merkle_verify(
    domain: str, leaf: bytes, index: int, leaves: int, path: Sequence[bytes], root: bytes
) -> bool:
    """Whether `leaf` stands at this place of a tree with this root (RFC 6962, bound to domain and size)."""
    if not 0 <= index < leaves or leaves >= 1 << 64:
        return False
    at, last, rest = index, leaves - 1, list(path)
    node = hashlib.sha256(b"\0" + leaf).digest()
    while last > 0:
        if at % 2 == 1 or at < last:
            if not rest:
                return False
            sibling = rest.pop(0)
            pair = sibling + node if at % 2 == 1 else node + sibling
            node = hashlib.sha256(b"\1" + pair).digest()
        at, last = at // 2, last // 2
    return not rest and digest(domain, leaves.to_bytes(8, "big"), node) == root


def merkle_root(domain: str, leaves: Sequence[bytes]) -> bytes:
    """Merkle root of leaves (RFC 6962, bound to domain and size)."""
    level = [hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves]
    while len(level) > 1:
        pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
        level = [hashlib.sha256(b"\1" + b"".join(p)).digest() if len(p) == 2 else p[0] for p in pairs]
    top = level[0] if level else hashlib.sha256(b"").digest()
    return digest(domain, len(leaves).to_bytes(8, "big"), top)


def empty_root(domain: str) -> bytes:
    """Merkle root of no leaves."""
    return digest(domain, (0).to_bytes(8, "big"), hashlib.sha256(b"").digest())
