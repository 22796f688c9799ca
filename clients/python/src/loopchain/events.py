"""Reads `text/event-stream` piece by piece.

In: bytes as they arrive, cut anywhere. Out: events with their ids. Not here: connections.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Iterator

#: Longest line and longest event, bytes.
EVENT_BYTES_MAX = 1024 * 1024


@dataclass(frozen=True)
class Event:
    """`id` is `HEIGHT.TX.EVENT`, `kind` is `block`, `tx` or `score`, `data` its JSON text."""

    id: str
    kind: str
    data: str

    def json(self) -> Any:
        """Its document."""
        return json.loads(self.data)


class EventParser:
    """One stream. `last_id` is the place after which to go on when it is cut off."""

    def __init__(self) -> None:
        self.last_id = ""
        self._line = bytearray()
        self._after_return = False
        self._begun = False
        self._id, self._kind = "", ""
        self._data: "list[str]" = []
        self._size = 0

    def take(self, piece: bytes) -> Iterator[Event]:
        """Takes the next bytes and gives the events that are whole."""
        for byte in piece:
            after_return, self._after_return = self._after_return, byte == 13
            if byte == 10 and after_return:
                continue
            if byte in (10, 13):
                line, self._line = bytes(self._line), bytearray()
                yield from self._line_ends(line)
            else:
                self._line.append(byte)
            if len(self._line) + self._size > EVENT_BYTES_MAX:
                raise ValueError("an event is longer than 1 MiB")

    def _line_ends(self, line: bytes) -> Iterator[Event]:
        if not self._begun and line.startswith(b"\xef\xbb\xbf"):
            line = line[3:]
        self._begun = True
        if not line:
            self.last_id = self._id
            if self._data:
                yield Event(self._id, self._kind or "message", "\n".join(self._data))
            self._kind, self._data, self._size = "", [], 0
            return
        name, _, value = line.decode("utf-8", "replace").partition(":")
        value = value[1:] if value.startswith(" ") else value
        if name == "event":
            self._kind = value
        elif name == "data":
            self._data.append(value)
            self._size += len(value) + 1
        elif name == "id" and "\0" not in value and len(value) <= 64:
            self._id = value
