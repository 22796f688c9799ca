"""How schemathesis writes and reads lines of JSON (NDJSON): one line is one value of the schema."""

import json

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def to_line(ctx, value):
    """A request of one line."""
    return json.dumps(value).encode() + b"\n"


@schemathesis.deserializer("application/x-ndjson")
def from_lines(ctx, response):
    """The first line of an answer; a request of one line gets one."""
    return json.loads(response.content.splitlines()[0])
