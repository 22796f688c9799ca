"""How schemathesis writes and reads what is not JSON: lines of it (NDJSON; one line is one value of the
schema) and CBOR, which it asks for in about half of all requests."""

import json
import zlib

import cbor
import schemathesis


@schemathesis.serializer("application/x-ndjson")
def to_line(ctx, value):
    """A request of one line."""
    return json.dumps(value).encode() + b"\n"


@schemathesis.deserializer("application/x-ndjson")
def from_lines(ctx, response):
    """The first line of an answer; a request of one line gets one."""
    return json.loads(response.content.splitlines()[0])


@schemathesis.deserializer("application/cbor")
def from_cbor(ctx, response):
    """An answer is the value that its schema is of, in the other form."""
    return cbor.read(response.content)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Asks for CBOR; the same request asks for the same form again."""
    asked = f"{case.method} {case.path} {case.path_parameters} {case.query}"
    if not case.path.startswith("/api/v1") and zlib.crc32(asked.encode()) % 2:
        case.headers = {**(case.headers or {}), "Accept": "application/cbor"}
