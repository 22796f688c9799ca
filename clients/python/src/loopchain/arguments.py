"""Arguments as people write them, typed by a SCORE's manifest (docs/spec/rest.md, Arguments).

In: a method of a manifest, values by name or position. Out: what the canonical array holds. An unknown name is
refused with the names there are. Not here: which SCORE, who sends it.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, List, Optional, Tuple

from .errors import LoopchainError

Resolver = Callable[[str], Optional[bytes]]
#: Types in types; deeper ones have no values that fit a transaction.
DEPTH_MAX = 16

#: Longer texts are no number of 128 bits; Python itself is slow on very long ones.
_DIGITS = re.compile(r"-?[0-9]{1,100}\Z")
_WORD = re.compile(r"[A-Za-z0-9_]+")


def _wrong(message: str) -> LoopchainError:
    return LoopchainError("LC2107", message)


class _Parser:
    """Reads the name of a type: (kind, parts)."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def take(self, char: str) -> bool:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        found = self.text.startswith(char, self.at)
        self.at += len(char) if found else 0
        return found

    def expect(self, char: str) -> None:
        if not self.take(char):
            raise _wrong(f"`{self.text}` is no type")

    def word(self) -> str:
        self.take("")
        found = _WORD.match(self.text, self.at)
        if not found:
            raise _wrong(f"`{self.text}` is no type")
        self.at = found.end()
        return found.group()

    def kind(self, depth: int = DEPTH_MAX) -> Tuple[str, Any]:
        if depth == 0:
            raise _wrong(f"`{self.text}` is nested too deep")
        kind: Tuple[str, Any]
        if self.take("["):
            kind = ("list", self.kind(depth - 1))
            self.expect("]")
        elif self.take("("):
            kind = ("tuple", self.many(")", lambda: self.kind(depth - 1)))
            kind = kind if kind[1] else ("unit", None)
        elif self.take("{"):
            kind = ("record", self.fields(depth - 1))
        elif self.take("<"):
            kind = ("choice", self.variants(depth - 1))
        else:
            kind = ("plain", self.word())
        return ("optional", kind) if self.take("?") else kind

    def many(self, end: str, one: Callable[[], Any]) -> List[Any]:
        found: List[Any] = []
        while not self.take(end):
            if found:
                self.expect(",")
            found.append(one())
        return found

    def fields(self, depth: int) -> List[Tuple[str, Any]]:
        def one() -> Tuple[str, Any]:
            name = self.word()
            self.expect(":")
            return name, self.kind(depth)

        return self.many("}", one)

    def variants(self, depth: int) -> List[Tuple[str, Any]]:
        found = []
        while True:
            name = self.word()
            found.append((name, self.fields(depth) if self.take("{") else []))
            if self.take(">"):
                return found
            self.expect("|")


def _integer(name: str, value: Any) -> Optional[Any]:
    signed, bits = name[0] == "i", int(name[1:])
    if isinstance(value, str) and _DIGITS.match(value) and (signed or value[0] != "-"):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    if not low <= value <= high:
        return None
    narrow = -(1 << 64) <= value < 1 << 64
    return value if narrow else value.to_bytes(16, "big", signed=signed)


def _hex(value: Any, size: Optional[int] = None) -> Optional[bytes]:
    if not isinstance(value, str):
        return None
    text = value[2:] if value.startswith("0x") else value
    if not re.match(r"([0-9a-fA-F]{2})*\Z", text):
        return None
    found = bytes.fromhex(text)
    return found if size is None or len(found) == size else None


def parse_address(text: str) -> Optional[bytes]:
    """The 20 bytes of `hx` and 40 hex digits."""
    return bytes.fromhex(text[2:]) if re.match(r"hx[0-9a-f]{40}\Z", text) else None


def _plain(name: str, value: Any, place: str, resolve: Resolver) -> Any:
    found: Any = None
    if name in ("u8", "u16", "u32", "u64", "u128", "i8", "i16", "i32", "i64", "i128"):
        found = _integer(name, value)
    elif name == "bool":
        found = {"true": True, "false": False}.get(value) if isinstance(value, str) else value
        found = found if isinstance(found, bool) else None
    elif name == "text":
        found = value if isinstance(value, str) else None
    elif name == "bytes":
        found = bytes(value) if isinstance(value, (bytes, bytearray)) else _hex(value)
    elif name == "hash":
        found = bytes(value) if isinstance(value, bytes) and len(value) == 32 else _hex(value, 32)
    elif name == "address" and isinstance(value, str):
        found = parse_address(value) or resolve(value)
        if found is None:
            raise _wrong(f"`{place}`: nobody on this channel is called `{value[:64]}`")
    elif name == "unit" and value is None:
        return None
    if found is None:
        raise _wrong(f"`{place}` must be of type {name}, not {str(value)[:40]!r}")
    return found


def _record(fields: List[Tuple[str, Any]], value: Any, place: str, resolve: Resolver) -> List[Any]:
    if isinstance(value, dict):
        known = [name for name, _ in fields]
        for name in value:
            if name not in known:
                raise _wrong(f"`{place}` has no field `{name}`")
        value = [value.get(name) for name in known]
    if not isinstance(value, (list, tuple)) or len(value) != len(fields):
        raise _wrong(f"`{place}` must be an object of {len(fields)} fields")
    return [_typed(k, v, f"{place}.{name}", resolve) for (name, k), v in zip(fields, value)]


def _typed(kind: Tuple[str, Any], value: Any, place: str, resolve: Resolver) -> Any:
    what, inner = kind
    if what == "plain":
        return _plain(inner, value, place, resolve)
    if what == "optional":
        return None if value is None else _typed(inner, value, place, resolve)
    if what == "record":
        return _record(inner, value, place, resolve)
    if what == "choice":
        return _choice(inner, value, place, resolve)
    if what == "unit":
        return _plain("unit", value, place, resolve)
    if not isinstance(value, (list, tuple)) or (what == "tuple" and len(value) != len(inner)):
        raise _wrong(f"`{place}` must be an array")
    kinds = inner if what == "tuple" else [inner] * len(value)
    return [_typed(k, v, f"{place}[{i}]", resolve) for i, (k, v) in enumerate(zip(kinds, value))]


def _choice(variants: List[Tuple[str, Any]], value: Any, place: str, resolve: Resolver) -> List[Any]:
    name, given = value, None
    if isinstance(value, dict) and len(value) == 1:
        name, given = next(iter(value.items()))
    for number, (known, fields) in enumerate(variants):
        if known == name:
            if given is None and not isinstance(value, dict) and not fields:
                return [number]
            if isinstance(value, dict):
                return [number, *_record(fields, given, f"{place}.{name}", resolve)]
    raise _wrong(f"`{place}` must be one of {', '.join(known for known, _ in variants)}")


def typed(owner: str, parameters: List[Dict[str, str]], given: Any, resolve: Resolver) -> List[Any]:
    """The arguments of a method in its order; `given` is a dict by name, a list by position, or None."""
    names = [parameter["name"] for parameter in parameters]
    listed = ", ".join(f"{p['name']}: {p['type']}" for p in parameters) or "none"
    if given is None:
        given = {}
    if isinstance(given, dict):
        for name in given:
            if name not in names:
                raise _wrong(f"{owner} has no parameter `{name}`; parameters are {listed}")
        for parameter in parameters:
            if parameter["name"] not in given and not parameter["type"].endswith("?"):
                raise _wrong(f"{owner} needs `{parameter['name']}`; parameters are {listed}")
        given = [given.get(name) for name in names]
    if not isinstance(given, (list, tuple)) or len(given) != len(parameters):
        raise _wrong(f"{owner} takes {len(parameters)} arguments: {listed}")
    values = []
    for parameter, value in zip(parameters, given):
        parser = _Parser(parameter["type"])
        kind = parser.kind()
        parser.take("")
        if parser.at != len(parser.text):
            raise _wrong(f"`{parameter['type']}` is no type")
        values.append(_typed(kind, value, parameter["name"], resolve))
    return values
