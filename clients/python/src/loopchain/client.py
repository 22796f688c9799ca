"""A channel through one or several peers: submit and wait, query, get, follow events.

In: addresses of peers, calls, signed transactions. Out: the documents of `/api/v2` as dicts. What fails with
an error that may pass is asked of the next peer, and after a round of all peers again after a pause; a
transaction is the same bytes each time. Not here: checking what a peer says (verify).
"""

from __future__ import annotations

import http.client
import json
import random
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Dict, Iterator, Optional, Sequence

from .arguments import parse_address, typed
from .errors import LoopchainError, unreachable
from .events import Event, EventParser
from .transaction import Call, Signed

#: Largest answer that is read, bytes: a full block in JSON fits.
ANSWER_BYTES_MAX = 64 * 1024 * 1024
#: How often a pending transaction is asked for, seconds.
POLL_S = 0.1
#: How long a peer that never heard of a transaction is asked again, seconds.
HEARD_OF_S = 2.0
#: What a peer that waits for finality gets on top of its wait, seconds.
WAY_S = 5.0
#: A stream without a byte for so long counts as lost, seconds; peers say something every 15.
SILENCE_S = 60.0
#: How often a stream that was cut off is opened again without an event in between.
REOPENED_MAX = 8

# Peers are asked directly: proxies of the environment are for other traffic.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="-_.~")


def check(transaction: Dict[str, Any]) -> Dict[str, Any]:
    """The document of a transaction that is final and did what it should; else LoopchainError."""
    state, receipt = transaction.get("state"), transaction.get("receipt") or {}
    if state == "final" and receipt.get("status") == "ok":
        return transaction
    if state == "final":
        of_kind = {"trap": "LC2112", "crash": "LC2113", "refused": f"LC{receipt.get('code')}"}
        code = of_kind.get(receipt.get("status", ""), "LC2111")
        raise LoopchainError(code, receipt.get("message") or str(receipt.get("status")))
    if state == "rejected":
        error = transaction.get("error") or {}
        raise LoopchainError(error.get("code", "LC9001"), error.get("message", "it was rejected"))
    raise LoopchainError("LC3204", f"{transaction.get('hash')} is not final yet", retryable=True)


class Client:
    """A channel, through its peers (`http://HOST:PORT`)."""

    def __init__(
        self,
        endpoints: Sequence[str],
        channel: str,
        *,
        timeout: float = 30.0,
        rounds: int = 3,
        pause: float = 0.2,
        pause_max: float = 5.0,
    ) -> None:
        if isinstance(endpoints, str):
            endpoints = [endpoints]
        for url in endpoints:
            if not url.startswith("http://") or not urllib.parse.urlsplit(url).hostname:
                raise LoopchainError("LC1001", f"`{url}` is not an address of the form http://HOST:PORT")
        if not endpoints:
            raise LoopchainError("LC1001", "a client has at least one peer")
        self.endpoints = [url.rstrip("/") for url in endpoints]
        self.channel_name = channel
        self.timeout, self.rounds = timeout, max(1, rounds)
        self._pause, self._pause_max = pause, pause_max
        self._first = 0

    # ------------------------------------------------------------------ asking

    def _open(
        self,
        url: str,
        body: Optional[Dict[str, Any]],
        headers: Dict[str, str],
        timeout: float,
    ) -> Any:
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers = {**headers, "Content-Type": "application/json"}
        request = urllib.request.Request(url, data=data, headers=headers)
        try:
            return _OPENER.open(request, timeout=timeout)
        except urllib.error.HTTPError as error:
            with error:
                try:
                    told = json.loads(error.read(ANSWER_BYTES_MAX))
                except (ValueError, RecursionError, OSError, http.client.HTTPException):
                    told = None
            after = error.headers.get("Retry-After", "")
            wait = float(after) if after.isdigit() else None
            raise LoopchainError.from_problem(error.code, told, wait) from None
        except (OSError, http.client.HTTPException) as error:
            raise unreachable(f"{url} does not answer: {error}") from error

    def _on_some_peer(self, ask: Any, end: Optional[float] = None) -> Any:
        """One peer after the other, in rounds; no round begins after `end`."""
        first, count = self._first, len(self.endpoints)
        for turn in range(self.rounds):
            last: Optional[LoopchainError] = None
            for step in range(count):
                at = (first + step) % count
                try:
                    answer = ask(self.endpoints[at])
                    self._first = at
                    return answer
                except LoopchainError as error:
                    if not error.retryable:
                        self._first = at
                        raise
                    last = error
            assert last is not None
            pause = self._wait_of(turn, last.retry_after)
            if turn + 1 == self.rounds or (end is not None and time.monotonic() + pause >= end):
                raise last
            time.sleep(pause)
        raise AssertionError("at least one round was made")

    def _wait_of(self, turn: int, asked: Optional[float]) -> float:
        full = min(self._pause * 2**turn, self._pause_max)
        return min(max(full * (1 - random.random() / 2), asked or 0.0), self._pause_max)

    def _ask(
        self, path: str, body: Optional[Dict[str, Any]] = None, wait: Optional[float] = None
    ) -> Any:
        end = None if wait is None else time.monotonic() + wait

        def ask(endpoint: str) -> Any:
            headers, limit = {"Accept": "application/json"}, self.timeout
            if end is not None:
                # What the first peer took of the wait, the next one does not get.
                left = max(0.0, end - time.monotonic())
                headers["Prefer"] = f"wait={max(1, int(left))}"
                limit = left + WAY_S
            try:
                with self._open(endpoint + path, body, headers, limit) as answer:
                    data = answer.read(ANSWER_BYTES_MAX + 1)
            except (OSError, http.client.HTTPException) as error:
                raise unreachable(f"{endpoint} does not answer: {error}") from error
            try:
                if len(data) > ANSWER_BYTES_MAX:
                    raise ValueError
                return json.loads(data)
            except (ValueError, RecursionError):
                raise unreachable(f"{endpoint} is no peer: no JSON in its answer") from None

        return self._on_some_peer(ask, end)

    def _path(self, rest: str) -> str:
        return f"/api/v2/channels/{_quoted(self.channel_name)}{rest}"

    # ------------------------------------------------------------------- reads

    def get(self, path: str) -> Any:
        """Any path, as JSON."""
        return self._ask(path)

    def channel(self) -> Dict[str, Any]:
        """State of the channel: height, quorum, validators, genesis hash."""
        return self._ask(self._path(""))

    def score(self, name: str) -> Dict[str, Any]:
        """A SCORE with its manifest."""
        return self._ask(self._path(f"/scores/{_quoted(name)}"))

    def block(self, reference: str = "latest") -> Dict[str, Any]:
        """A block by height, hash or `latest`."""
        return self._ask(self._path(f"/blocks/{_quoted(str(reference))}"))

    def block_proof(self, reference: str = "latest") -> Dict[str, Any]:
        """The Final proof of a block, unchecked."""
        return self._ask(self._path(f"/blocks/{_quoted(str(reference))}/certificate"))

    def state(self, score: str, key: bytes, at: Optional[int] = None) -> Dict[str, Any]:
        """A key of a SCORE's state after a block (the last one), with its proof: `verify_state` checks it."""
        after = "" if at is None else f"&at={int(at)}"
        return self._ask(self._path(f"/state/{_quoted(score)}/{key.hex()}?proof=true{after}"))

    def transaction(self, hash: str) -> Dict[str, Any]:
        """Where a transaction is: `pending`, `final` or `rejected`."""
        return self._ask(self._path(f"/transactions/{_quoted(hash)}"))

    def receipt(self, hash: str) -> Dict[str, Any]:
        """The portable receipt of a final transaction, unchecked."""
        return self._ask(self._path(f"/transactions/{_quoted(hash)}/receipt"))

    def query(self, score: str, method: str, args: Any = None) -> Any:
        """What a SCORE answers at the last final block; names may stand where addresses belong."""
        path = self._path(f"/scores/{_quoted(score)}/query")
        return self._ask(path, {"method": method, "args": {} if args is None else args})["result"]

    def member_address(self, name: str) -> Optional[bytes]:
        """The address of the one member of a name; None when there is none or several."""
        found = self._ask(self._path(f"/members?name={_quoted(name)}"))["members"]
        addresses = {member["address"] for member in found}
        return parse_address(addresses.pop()) if len(addresses) == 1 else None

    # ------------------------------------------------------------ transactions

    def call(self, score: str, method: str, args: Any = None) -> Call:
        """A call with arguments by name (dict) or position (list), typed by the SCORE's manifest."""
        manifest = self.score(score).get("manifest")
        if not manifest:
            message = f"the peer does not have the file of {score} yet"
            raise LoopchainError("LC6301", message, retryable=True)
        kinds = [m for m in manifest["methods"] if m["kind"] in ("call", "invoke")]
        found = [m for m in kinds if m["name"] == method]
        if not found:
            names = ", ".join(m["name"] for m in kinds)
            raise LoopchainError("LC2108", f"{score} has no method `{method}`; its methods are {names}")
        values = typed(f"{score}.{method}", found[0]["args"], args, self.member_address)
        return Call(bytes.fromhex(self.channel()["genesis"]), score, method, values)

    def submit(self, signed: Signed, wait: Optional[float] = None) -> Dict[str, Any]:
        """Sends a transaction; with `wait` (seconds), the peer waits so long for finality."""
        return self._ask(self._path("/transactions"), signed.envelope, wait)

    def wait(self, hash: str, timeout: float = 30.0) -> Dict[str, Any]:
        """Asks for a transaction until it is final or rejected, at most so long; then as it is."""
        start = time.monotonic()
        while True:
            try:
                found = self.transaction(hash)
                if found["state"] != "pending" or time.monotonic() - start >= timeout:
                    return found
            except LoopchainError as error:
                # Another peer hears of it later.
                late = time.monotonic() - start >= min(timeout, HEARD_OF_S)
                if error.code != "LC7104" or late:
                    raise
            time.sleep(POLL_S)

    def submit_and_wait(self, signed: Signed, timeout: float = 30.0) -> Dict[str, Any]:
        """Sends and waits until it is `final` or `rejected`, at most so long; then it is `pending`."""
        start = time.monotonic()
        found = self.submit(signed, timeout)
        if found["state"] != "pending":
            return found
        return self.wait(signed.hash, max(0.0, timeout - (time.monotonic() - start)))

    # ------------------------------------------------------------------ events

    def events(self, after: Optional[str] = None, **wishes: str) -> Iterator[Event]:
        """Events, for ever, each once: after a disconnect it goes on after the last one (`Last-Event-ID`).

        `wishes` are `types` (`block,tx,score`), `score`, `topic`, `from_` (a height).
        """
        wishes = {name.rstrip("_"): value for name, value in wishes.items()}
        path = self._path("/events" + ("?" + urllib.parse.urlencode(wishes) if wishes else ""))
        last, reopened = after or "", 0
        while reopened < REOPENED_MAX:
            if reopened:
                time.sleep(self._wait_of(reopened - 1, None))
            reopened += 1
            headers = {"Accept": "text/event-stream"}
            if last:
                headers["Last-Event-ID"] = last
            stream = self._on_some_peer(
                lambda endpoint: self._open(endpoint + path, None, headers, SILENCE_S)
            )
            parser, is_over = EventParser(), False
            with stream:
                while not is_over:
                    try:
                        piece = stream.read1(65536)
                    except (OSError, http.client.HTTPException):
                        break
                    if not piece:
                        break
                    for event in parser.take(piece):
                        if event.kind == "end":
                            told = LoopchainError.from_problem(200, event.json())
                            if not told.retryable:
                                raise told
                            is_over = True
                            break
                        last, reopened = event.id or last, 0
                        yield event
                    last = parser.last_id or last
        raise unreachable(f"the event stream was cut off {REOPENED_MAX} times in a row")
