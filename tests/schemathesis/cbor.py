"""Reads what a node answers in CBOR: definite lengths, no tags, 64-bit floats (docs/spec/rest.md)."""

import struct

WORDS = {20: False, 21: True, 22: None}


def read(data):
    """The one value of an answer; what is anything else is an error, which schemathesis reports."""
    value, end = _item(data, 0)
    if end != len(data):
        raise ValueError(f"{len(data) - end} bytes behind the value")
    return value


def _item(data, at):
    major, short = data[at] >> 5, data[at] & 31
    at += 1
    if (major, short) == (7, 27):
        return struct.unpack(">d", data[at : at + 8])[0], at + 8
    if major == 7:
        return WORDS[short], at
    number, at = _number(data, at, short)
    if major == 0:
        return number, at
    if major == 1:
        return -1 - number, at
    if major == 3:
        return data[at : at + number].decode(), at + number
    values = []
    for _ in range({4: number, 5: 2 * number}[major]):
        value, at = _item(data, at)
        values.append(value)
    return (values, at) if major == 4 else (dict(zip(values[::2], values[1::2], strict=True)), at)


def _number(data, at, short):
    if short < 24:
        return short, at
    width = {24: 1, 25: 2, 26: 4, 27: 8}[short]
    number = int.from_bytes(data[at : at + width])
    if number < (24 if width == 1 else 1 << (4 * width)):
        raise ValueError(f"{number} has a shorter form")
    return number, at + width
