"""Checks Final proofs and receipts, for whoever trusts nothing but a genesis hash or a list of validators.

In: a document from anybody, what is trusted. Out: what it shows, or LoopchainError with the code of the first
part that is wrong (docs/spec/rest.md). Nothing is asked over a network. Knows the rule `lft`. Not here: whether
the signer's certificate leads to a root: validators judged that, and the transaction names the certificate by
its hash; `loopchain verify FILE` checks it again.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple

from .codec import CodecError, decode, digest, empty_root, encode, merkle_verify, message
from .errors import LoopchainError
from .keys import address_of, public_key_of, verify as signature_is_right

#: name, public key in hex, weight: a validator that is trusted from elsewhere.
Trusted = Tuple[str, str, int]

_STATUS = ["ok", "fault", "trap", "refused", "crash"]
_ZERO = bytes(32)
#: Headers between a block and its proof, ends of epochs, siblings of a Merkle path.
DESCENDANTS_MAX, EPOCHS_MAX, PATH_MAX = 256, 4096, 16


class _Wrong(Exception):
    """A part that does not hold; the code depends on where it stands."""


# What Python makes of values of another kind than expected: the part is not written as it must be.
_BAD = (
    _Wrong, CodecError, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError,
)  # fmt: skip


def _need(condition: bool, what: str) -> None:
    if not condition:
        raise _Wrong(what)


def _part(code: str, make: Any, *args: Any) -> Any:
    """Runs a check of one part; whatever is wrong with it gets this code."""
    try:
        return make(*args)
    except _BAD as error:
        raise LoopchainError(code, str(error) or "it is not written as it must be") from error


def _hex(text: Any) -> bytes:
    found = bytes.fromhex(text)
    _need(found.hex() == text, "hex is written in lower case")
    return found


def _hash(text: Any) -> bytes:
    found = _hex(text)
    _need(len(found) == 32, "a hash has 64 hex digits")
    return found


def _base64(text: Any) -> bytes:
    found = base64.b64decode(text, validate=True)
    _need(base64.b64encode(found).decode() == text, "not the one base64 of these bytes")
    return found


@dataclass(frozen=True)
class Header:
    """What a header says, and its hash."""

    genesis: bytes
    epoch: int
    view: int
    kind: int
    height: int
    parent: bytes
    parent_roots: Tuple[bytes, bytes]
    time: int
    tx_count: int
    tx_root: bytes
    validators: bytes
    next_validators: Optional[bytes]
    id: bytes

    @classmethod
    def of(cls, data: bytes) -> "Header":
        """Reads its canonical bytes."""
        f = decode(data)
        _need(isinstance(f, list) and len(f) == 17 and f[0] == 1, "a header has 17 fields")
        numbers = [f[i] for i in (2, 3, 4, 5, 9, 10, 11, 12)]
        _need(all(type(n) is int and n >= 0 for n in numbers), "a header's numbers")
        hashes = [f[i] for i in (1, 6, 7, 8, 13, 14, 16)] + ([] if f[15] is None else [f[15]])
        _need(all(isinstance(h, bytes) and len(h) == 32 for h in hashes), "a header's hashes")
        return cls(
            f[1], f[2], f[3], f[4], f[5], f[6], (f[7], f[8]), f[11], f[12], f[13], f[14], f[15],
            digest("header", data),
        )

    @property
    def ends(self) -> bool:
        """Nothing with transactions follows it in its epoch."""
        return self.next_validators is not None or self.kind == 2


@dataclass(frozen=True)
class Epoch:
    """What an epoch runs with, and its root."""

    number: int
    validators: List[Any]
    rule: List[Any]
    genesis: bytes
    root: bytes
    root_height: int

    def parameter(self, name: str) -> Optional[str]:
        """A parameter of the rule; None when the genesis leaves the default."""
        return dict(map(tuple, self.rule[3])).get(name)

    @property
    def fast(self) -> Optional[int]:
        """p of fast commit."""
        text = self.parameter("fast")
        return None if text in (None, "off") else int(text)

    @property
    def prefix(self) -> bytes:
        """What statements of the epoch begin with."""
        number = self.number.to_bytes(8, "big")
        return message("statement", self.genesis, self.rule[0].encode(), number, self.root)

    def weigh(self, signers: Sequence[int], view: Optional[int] = None) -> int:
        """What these validators say together; a group that counts as one counts once. A vote of a view is
        its delegate's, where a group has one; all else takes the group's threshold."""
        said, inner, spoken = 0, {}, set()  # type: ignore[var-annotated]
        for index in signers:
            validator = self.validators[index]
            if len(validator) == 4:
                said += validator[2]
                continue
            group, (mode, weight, threshold) = validator[3], validator[4]
            inner[group] = inner.get(group, 0) + validator[2]
            speaks = inner[group] >= threshold
            if mode == 1 and view is not None:
                speaks = self._delegate(group, view) == index
            if speaks and group not in spoken:
                spoken.add(group)
                said += weight
        return said

    def _delegate(self, group: str, view: int) -> int:
        members = [i for i, v in enumerate(self.validators) if v[3] == group and len(v) == 5]
        tenure = int(self.parameter("delegate_tenure") or 1)
        return members[view // max(1, tenure) % len(members)]

    @property
    def total(self) -> int:
        """N: weight of all."""
        units = {v[3]: v[4][1] for v in self.validators if len(v) == 5}
        return sum(v[2] for v in self.validators if len(v) == 4) + sum(units.values())

    @property
    def quorum(self) -> int:
        """q: weight that decides."""
        slack = self.fast or 0
        return self.total - (self.total - 1 - 2 * slack) // 3 - slack

    def check(self) -> None:
        """The set is one that the rule takes."""
        names = [v[0] for v in self.validators]
        keys = [v[1] for v in self.validators]
        _need(0 < len(names) == len(set(names)) == len(set(keys)), "names and keys occur once")
        _need(all(type(v[2]) is int and v[2] > 0 for v in self.validators), "weights are positive")
        for group in {v[3] for v in self.validators if len(v) == 5}:
            members = [v for v in self.validators if v[3] == group]
            _need(all(len(v) == 5 and v[4] == members[0][4] for v in members), f"group {group}")
            mode, weight, threshold = members[0][4]
            inner = sum(v[2] for v in members)
            _need(mode in (0, 1) and weight > 0, f"group {group}")
            _need(inner < 2 * threshold <= 2 * inner, f"the threshold of group {group}")
        _need(self.rule[0] == "lft", f"rule {self.rule[0]} is not known here: `loopchain verify`")


@dataclass(frozen=True)
class Proven:
    """What a proof shows."""

    channel: str
    genesis: str
    height: int
    hash: str
    time_us: int
    state_root: str
    receipts_root: str
    epoch: int
    quorum: int
    total: int
    weight: int
    signers: List[str]


@dataclass(frozen=True)
class Shown:
    """What a receipt shows."""

    hash: str
    score: str
    method: str
    signer: str
    status: str
    code: int
    output: bytes
    index: int
    block: Proven


# ------------------------------------------------------------------------ lft


def _pair_digest(tag: bytes, pair: List[bytes]) -> bytes:
    return hashlib.sha256(tag + b"".join(pair)).digest()


def _signed_message(prefix: bytes, slots: List[Tuple[int, int, bytes]], body: Any) -> bytes:
    data = encode([1, body])
    parts = [prefix, len(slots).to_bytes(8, "big")]
    parts += [view.to_bytes(8, "big") + bytes([kind]) + value for view, kind, value in slots]
    return b"".join(parts + [len(data).to_bytes(8, "big"), data])


def _commit_slots(epoch: Epoch, view: int, pair: List[bytes]) -> List[Tuple[int, int, bytes]]:
    end = (view, 4, _pair_digest(b"commit", pair))
    return [end] if epoch.fast is None else [(view, 5, _pair_digest(b"vote", pair)), end]


def _vote(epoch: Epoch, ballot: List[Any], commits: bool) -> bytes:
    view, pair, parent, parent_view = ballot
    slots = [(view, 3 if epoch.fast is None else 5, _pair_digest(b"vote", pair))]
    if commits:
        slots += _commit_slots(epoch, parent_view, parent)
    return _signed_message(epoch.prefix, slots, [1, [ballot, commits]])


def _known(epoch: Epoch, signers: Sequence[Any]) -> bool:
    """They are indices of the set, each higher than the one before: a negative one would be another name
    of a validator."""
    known = all(type(one) is int and 0 <= one < len(epoch.validators) for one in signers)
    return known and all(a < b for a, b in zip(signers, signers[1:]))


def _lft_claims(epoch: Epoch, header: Header, roots: Tuple[bytes, bytes], proof: bytes) -> Any:
    """Signers with what each must have signed, after form and weight were checked."""
    format_number, fields = decode(proof)
    _need(format_number == 1 and len(fields) in (4, 5), "no Final proof of lft")
    view, pair, commits, children = fields[:4]
    fast = fields[4] if len(fields) == 5 else None
    _need(pair == [header.id, *roots], "the proof is of another block or result")
    _need(view == header.view and view > 0, "the proof is of another view")
    if fast is not None:
        parent, parent_view, votes = fast
        _need(epoch.fast is not None and not commits and not children, "fast commit is off")
        _need(parent_view < view, "the views of the candidate make no sense")
        _need(parent_view > 0 or not any(v[1] for v in votes), "a vote commits the root")
        ballot = [view, pair, parent, parent_view]
        signers = [v[0] for v in votes]
        _need(_known(epoch, signers), "signers are unknown or out of order")
        weight = epoch.weigh(signers, view)
        _need(weight >= epoch.total - (epoch.fast or 0), f"weight {weight} makes nothing final")
        return [(v[0], _vote(epoch, ballot, v[1]), v[2]) for v in votes]
    keys = [(child[0], child[1]) for child in children]
    _need(all(a < b for a, b in zip(keys, keys[1:])), "the children are out of order")
    _need(all(child[0] > view and child[2] for child in children), "a child without a later view")
    lists = [commits, *(child[2] for child in children)]
    in_order = all(_known(epoch, [s[0] for s in signed]) for signed in lists)
    _need(in_order, "signers are unknown or out of order")
    signers = sorted(s[0] for signed in lists for s in signed)
    _need(_known(epoch, signers), "a signer is counted twice")
    weight = epoch.weigh(signers)
    _need(weight >= epoch.quorum, f"weight {weight} is below the quorum {epoch.quorum}")
    body = _signed_message(epoch.prefix, _commit_slots(epoch, view, pair), [3, [view, pair]])
    claims = [(signer, body, signature) for signer, signature in commits]
    for child_view, child_pair, votes in children:
        flagged = _vote(epoch, [child_view, child_pair, pair, view], True)
        claims += [(signer, flagged, signature) for signer, signature in votes]
    return claims


def _is_final(
    epoch: Epoch,
    header: Header,
    roots: Tuple[bytes, bytes],
    descendants: List[Header],
    proved: Tuple[bytes, bytes],
    proof: bytes,
) -> List[int]:
    """Indices of the signers of a proof of `header` or of a descendant."""
    validators = digest("validators", encode(epoch.validators))
    for one in (header, *descendants):
        _need(one.genesis == epoch.genesis, f"block {one.height} is of another genesis")
        _need(one.epoch == epoch.number, f"block {one.height} is of another epoch")
        _need(one.validators == validators, f"block {one.height} names other validators")
        _need(one.height > epoch.root_height, f"block {one.height} is below the epoch's root")
    at, known = header, roots  # type: Header, Optional[Tuple[bytes, bytes]]
    for after in descendants:
        closing = after.kind == 2 and after.tx_count == 0 and after.next_validators is None
        if at.ends:
            follows = closing and after.height == at.height
        else:
            follows = after.kind != 2 and after.height == at.height + 1
        _need(follows and after.parent == at.id, "the headers of the proof do not link")
        _need(known is None or known == after.parent_roots, "a header has another result")
        at, known = after, after.parent_roots if at.ends else None
    _need(known is None or known == proved, "the proof is of another result")
    claims = _lft_claims(epoch, at, proved, proof)
    for signer, text, signature in claims:
        key = epoch.validators[signer][1]
        _need(isinstance(signature, bytes) and len(signature) == 64, "a signature has 64 bytes")
        _need(signature_is_right(key, text, signature), f"the signature of validator {signer}")
    return sorted(claim[0] for claim in claims)


# ---------------------------------------------------------------------- blocks


@dataclass(frozen=True)
class Genesis:
    """What a channel was made of."""

    channel: str
    epoch: Epoch

    @classmethod
    def of(cls, data: bytes) -> "Genesis":
        """Reads its canonical bytes."""
        f = decode(data)
        _need(isinstance(f, list) and len(f) in (12, 13) and 1 <= f[0] <= 8, "no genesis")
        hash = digest("channel", data)
        validators = digest("validators", encode(f[5]))
        first = [1, hash, 0, 0, 0, 0, _ZERO, _ZERO, _ZERO, 0, 0, f[3], 0, empty_root("tx-root")]
        root = digest("header", encode([*first, validators, None, _ZERO]))
        epoch = Epoch(0, f[5], f[4], hash, root, 0)
        epoch.check()
        return cls(f[2], epoch)

    def trust(self, hash: Optional[str], members: Optional[Sequence[Trusted]]) -> None:
        """It is the trusted one, or its validators are."""
        if hash is None and members is None:
            raise LoopchainError("LC1001", "say what is trusted: `genesis`, or `validators`")
        known = self.epoch.genesis.hex()
        _need(hash is None or known == hash, f"it is of genesis {known}, not {hash}")
        own = [(v[0], v[1].hex(), v[2]) for v in self.epoch.validators]
        same = members is None or [tuple(one) for one in members] == own
        _need(same, "its validators are not the trusted ones")


def _follow(epoch: Epoch, end: Dict[str, Any]) -> Epoch:
    """The epoch after one whose end this is."""
    header = Header.of(_hex(end["header"]))
    roots = (_hash(end["state_root"]), _hash(end["receipts_root"]))
    _need(len(end["descendants"]) <= DESCENDANTS_MAX and len(end) == 6, "the end of an epoch")
    headers = [Header.of(_hex(one)) for one in end["descendants"]]
    _is_final(epoch, header, roots, headers, roots, _base64(end["proof"]))
    data = _hex(end["next"])
    named = header.next_validators == digest("epoch", data)
    f = decode(data)
    _need(named and f[1] == epoch.number + 1, f"the end of epoch {epoch.number} names another one")
    after = Epoch(f[1], f[2], f[3], epoch.genesis, header.id, header.height)
    after.check()
    return after


def _document(genesis: Genesis, epoch: Epoch, doc: Dict[str, Any], header: Header) -> Dict[str, Any]:
    """What the fields that are there for people must say."""
    units = {v[3]: v[4] for v in epoch.validators if len(v) == 5}
    rule = epoch.rule
    return {
        "schema": "loopchain.block-proof.v1",
        "channel": genesis.channel,
        "genesis": epoch.genesis.hex(),
        "epoch": header.epoch,
        "height": header.height,
        "hash": header.id.hex(),
        "rule": {
            "id": rule[0],
            "version": rule[1],
            "sha256": [one.hex() for one in rule[2]],
            "parameters": dict(map(tuple, rule[3])),
        },
        "validators": [
            {"name": v[0], "public_key": v[1].hex(), "weight": v[2], "group": v[3]}
            for v in epoch.validators
        ],
        "units": [
            {"group": g, "mode": ["quorum", "delegate"][u[0]], "weight": u[1], "threshold": u[2]}
            for g, u in sorted(units.items())
        ],
    }


def _same(given: Any, wanted: Any) -> bool:
    """Equal, where true is no 1."""
    if isinstance(wanted, dict):
        return (
            isinstance(given, dict)
            and given.keys() == wanted.keys()
            and all(_same(given[key], wanted[key]) for key in wanted)
        )
    if isinstance(wanted, list):
        return (
            isinstance(given, list)
            and len(given) == len(wanted)
            and all(map(_same, given, wanted))
        )
    return type(given) is type(wanted) and given == wanted


def _check_block(genesis: Genesis, epoch: Epoch, doc: Dict[str, Any]) -> Tuple[Header, Proven]:
    header = Header.of(_hex(doc["header"]))
    roots = (_hash(doc["state_root"]), _hash(doc["receipts_root"]))
    _need(len(doc["descendants"]) <= DESCENDANTS_MAX, "too many headers")
    headers = [Header.of(_hex(one)) for one in doc["descendants"]]
    proved = (_hash(doc["proved"]["state_root"]), _hash(doc["proved"]["receipts_root"]))
    signers = _is_final(epoch, header, roots, headers, proved, _base64(doc["proof"]))
    last = headers[-1] if headers else header
    said = _document(genesis, epoch, doc, header)
    said["proved"] = {
        "height": last.height,
        "hash": last.id.hex(),
        "state_root": proved[0].hex(),
        "receipts_root": proved[1].hex(),
    }
    named = [epoch.validators[index] for index in signers]
    said["signers"] = [{"name": v[0], "weight": v[2]} for v in named]
    for field, value in said.items():
        _need(_same(doc.get(field), value), f"`{field}` is not what the rest says")
    parts = ("header", "state_root", "receipts_root", "descendants", "proof", "epochs")
    _need(set(doc) <= {*said, *parts}, "it has a field that no proof has")
    return header, Proven(
        genesis.channel, epoch.genesis.hex(), header.height, header.id.hex(), header.time,
        roots[0].hex(), roots[1].hex(), epoch.number, epoch.quorum, epoch.total,
        epoch.weigh(signers), [v[0] for v in named],
    )


def _chain(genesis: Genesis, doc: Dict[str, Any], code: str) -> Tuple[Header, Proven]:
    epoch, ends = genesis.epoch, doc.get("epochs", []) if isinstance(doc, dict) else []

    def follow() -> Epoch:
        _need(isinstance(ends, list) and len(ends) <= EPOCHS_MAX, "the epochs")
        known = epoch
        for end in ends:
            known = _follow(known, end)
        return known

    last = _part(code, follow)
    return _part("LC3302", _check_block, genesis, last, doc)


def verify_block_proof(
    document: Dict[str, Any],
    genesis_bytes: bytes,
    *,
    genesis: Optional[str] = None,
    validators: Optional[Sequence[Trusted]] = None,
) -> Proven:
    """Checks a `loopchain.block-proof.v1` against the bytes of a genesis that is trusted by its hash, or
    by its validators."""
    made = _part("LC3302", Genesis.of, genesis_bytes)
    _part("LC3302", made.trust, genesis, validators)
    return _chain(made, document, "LC3302")[1]


# -------------------------------------------------------------------- receipts

_PARTS = {
    "schema": "LC3311", "channel": "LC3312", "genesis_hash": "LC3312", "genesis": "LC3312",
    "hash": "LC3313", "transaction": "LC3313", "signature": "LC3313", "certificate": "LC3314",
    "index": "LC3315", "inclusion": "LC3315", "result": "LC3316", "result_inclusion": "LC3316",
    "height": "LC3302", "block": "LC3302",
}  # fmt: skip


def _stands(doc: Dict[str, Any], field: str, domain: str, leaf: bytes, root: bytes, count: int) -> None:
    place = doc[field]
    path = place["path"]
    _need(isinstance(path, list) and len(path) <= PATH_MAX and len(place) == 3, "the path")
    index, leaves = place["index"], place["leaves"]
    _need(type(index) is int and type(leaves) is int, "numbers")
    _need(_same(doc["index"], index) and leaves == count, "it is of another place")
    siblings = [_hash(one) for one in path]
    _need(merkle_verify(domain, leaf, index, leaves, siblings, root), "it does not stand there")


def _result(doc: Dict[str, Any]) -> bytes:
    given = doc["result"]
    _need(len(given) == 6, "a result has six fields")
    numbers = (given["code"], given["steps"])
    _need(all(type(n) is int and n >= 0 for n in numbers), "numbers")
    hashes = [_hash(given["events_root"]), _hash(given["writes_digest"])]
    status = _STATUS.index(given["status"])
    return encode([status, numbers[0], _hex(given["output"]), *hashes, numbers[1]])


def _transaction(doc: Dict[str, Any], genesis: bytes) -> Tuple[bytes, List[Any]]:
    body = _base64(doc["transaction"])
    id = digest("transaction", body)
    _need(id.hex() == doc["hash"], "the hash is that of another transaction")
    fields = decode(body)
    _need(len(fields) == 8 and fields[0] == 1, "a transaction has eight fields")
    _need(fields[1] == genesis, "the transaction is for another channel")
    return id, fields


def verify_receipt(
    document: Dict[str, Any],
    *,
    genesis: Optional[str] = None,
    validators: Optional[Sequence[Trusted]] = None,
) -> Shown:
    """Checks a `loopchain.receipt.v1` by a trusted genesis hash or trusted validators of the first epoch."""
    doc = document
    if not isinstance(doc, dict) or doc.get("schema") != "loopchain.receipt.v1":
        raise LoopchainError("LC3311", "this is no loopchain.receipt.v1")
    for field, code in _PARTS.items():
        if field not in doc:
            raise LoopchainError(code, f"`{field}` is missing")
    if set(doc) - set(_PARTS):
        raise LoopchainError("LC3311", "it has a field that no receipt has")

    def read_genesis() -> Genesis:
        made = Genesis.of(_base64(doc["genesis"]))
        _need(made.epoch.genesis.hex() == doc["genesis_hash"], "the hash is of another genesis")
        _need(made.channel == doc["channel"], "the channel is another one")
        made.trust(genesis, validators)
        return made

    made = _part("LC3312", read_genesis)
    header, proven = _chain(made, doc["block"], "LC3317")
    _part("LC3302", lambda: _need(_same(doc["height"], header.height), "the height"))
    id, body = _part("LC3313", _transaction, doc, made.epoch.genesis)
    count = header.tx_count
    _part("LC3315", _stands, doc, "inclusion", "tx-root", id, header.tx_root, count)
    result = _part("LC3316", _result, doc)
    receipts = bytes.fromhex(proven.receipts_root)
    _part("LC3316", _stands, doc, "result_inclusion", "receipt-root", result, receipts, count)
    certificate = _part("LC3314", _base64, doc["certificate"])
    key = public_key_of(certificate)
    if hashlib.sha256(certificate).digest() != body[5] or key is None:
        raise LoopchainError("LC3314", "the transaction names another certificate")
    signature = _part("LC3313", _base64, doc["signature"])
    if not signature_is_right(key, message("transaction", encode(body)), signature):
        raise LoopchainError("LC3313", "the signer did not sign the transaction")
    given = doc["result"]
    return Shown(
        id.hex(), body[2], body[3], address_of(key), given["status"], given["code"],
        bytes.fromhex(given["output"]), doc["index"], proven,
    )
