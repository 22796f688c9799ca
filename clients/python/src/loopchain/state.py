"""Checks what a peer says of a key of the state, for whoever has verified the Final proof of the block.

In: a `loopchain.state.v1` with its proof from anybody, the verified block, the key that was asked for. Out: the
key's value after that block, or LoopchainError `LC3318` (docs/spec/rest.md). Nothing is asked over a network.
"""

from __future__ import annotations

import hashlib
from typing import Any, Dict, List, Optional

from .codec import encode, merkle_root
from .verify import Proven, _hash, _hex, _need, _part

#: Hashes beside the way to a key: one for each bit of its hash. Keys where the way ends. SCOREs of a channel.
SIBLINGS_MAX, BUCKET_MAX, SCORES_MAX = 256, 8, 65_536


def verify_state(
    document: Dict[str, Any], block: Proven, score: str, key: bytes
) -> Optional[bytes]:
    """The value of a SCORE's key after the block that `verify_block_proof` gave; None: it is not there."""
    return _part("LC3318", _value, document, block, score, key)


def _value(doc: Dict[str, Any], block: Proven, score: str, key: bytes) -> Optional[bytes]:
    wanted = {
        "schema": "loopchain.state.v1",
        "channel": block.channel,
        "score": score,
        "key": key.hex(),
        "height": block.height,
        "block_hash": block.hash,
        "state_root": block.state_root,
    }
    for field, own in wanted.items():
        _need(type(doc[field]) is type(own) and doc[field] == own, f"`{field}` is another one")
    value = None if doc["value"] is None else _hex(doc["value"])
    proof = doc["proof"]
    _need(isinstance(proof, dict), "it has no proof: ask with `proof=true`")
    root = _root_of_score(proof["scores"], score, block.state_root)
    if root is None:
        _need(value is None, "the SCORE has no state")
        return None
    key_hash = hashlib.sha256(b"\2" + key).digest()
    pairs = [(_hash(one["key_hash"]), _hash(one["value_hash"])) for one in proof["bucket"]]
    _need(len(pairs) <= BUCKET_MAX, "too many keys where the way ends")
    siblings = [_hash(one) for one in proof["siblings"]]
    _need(_upwards(key_hash, pairs, siblings) == root, "the way does not lead to the root")
    held = dict(pairs).get(key_hash)
    own_hash = None if value is None else hashlib.sha256(b"\3" + value).digest()
    _need(held == own_hash, "the key has another value")
    return value


def _root_of_score(scores: List[Dict[str, Any]], score: str, root: str) -> Optional[bytes]:
    _need(isinstance(scores, list) and len(scores) <= SCORES_MAX, "the SCOREs")
    named = [(one["score"], _hash(one["root"])) for one in scores]
    names = [name for name, _ in named]
    _need(all(isinstance(name, str) for name in names), "names of SCOREs")
    _need(all(a < b for a, b in zip(names, names[1:])), "the SCOREs do not stand by name")
    leaves = [encode([name, own]) for name, own in named]
    _need(merkle_root("state", leaves).hex() == root, "the SCOREs do not lead to the state root")
    return dict(named).get(score)


def _upwards(key_hash: bytes, pairs: List[Any], siblings: List[bytes]) -> bytes:
    _need(len(siblings) <= SIBLINGS_MAX, "too many hashes beside the way")
    bucket = b"".join(key + value for key, value in pairs)
    node = hashlib.sha256(b"\0" + bucket).digest() if pairs else bytes(32)
    for depth in range(len(siblings) - 1, -1, -1):
        is_right = key_hash[depth // 8] >> (7 - depth % 8) & 1
        pair = siblings[depth] + node if is_right else node + siblings[depth]
        node = hashlib.sha256(b"\1" + pair).digest()
    return node
