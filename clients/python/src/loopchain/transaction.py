"""Makes a transaction out of a call and signs it.

In: a call, an identity. Out: the signed bytes, which are what is sent and sent again. Not here: sending.
"""

from __future__ import annotations

import base64
import os
import time
from dataclasses import dataclass
from typing import Any, Dict, List, Optional

from .codec import digest, encode, message
from .errors import LoopchainError
from .keys import Identity

#: How long a transaction may wait for a block, microseconds of block time.
EXPIRY_US = 5 * 60 * 1_000_000
#: Longest name of a method, bytes.
METHOD_BYTES_MAX = 64


def transaction_bytes(
    genesis: bytes, score: str, method: str, args: bytes, signer: bytes, nonce: int, expiry: int
) -> bytes:
    """The canonical bytes of a transaction; `args` are the bytes of its argument array."""
    return encode([1, genesis, score, method, args, signer, nonce, expiry])


def transaction_hash(transaction: bytes) -> str:
    """The id of a transaction."""
    return digest("transaction", transaction).hex()


@dataclass(frozen=True)
class Signed:
    """A signed transaction, ready to be sent any number of times."""

    transaction: bytes
    signature: bytes

    @property
    def hash(self) -> str:
        """Its id."""
        return transaction_hash(self.transaction)

    @property
    def envelope(self) -> Dict[str, str]:
        """What is sent to `/api/v2`."""
        return {
            "transaction": base64.b64encode(self.transaction).decode(),
            "signature": base64.b64encode(self.signature).decode(),
        }


@dataclass(frozen=True)
class Call:
    """What is called: `args` are typed values in the method's order."""

    genesis: bytes
    score: str
    method: str
    args: List[Any]

    def sign(
        self, by: Identity, *, nonce: Optional[int] = None, expiry: Optional[int] = None
    ) -> Signed:
        """Signs it: with a random nonce, good for five minutes of block time, unless said otherwise."""
        if len(self.method.encode()) > METHOD_BYTES_MAX:
            raise LoopchainError("LC2108", "the name of the method is too long")
        if nonce is None:
            nonce = int.from_bytes(os.urandom(8), "big")
        if expiry is None:
            expiry = time.time_ns() // 1000 + EXPIRY_US
        body = transaction_bytes(
            self.genesis, self.score, self.method, encode(self.args), by.certificate_id, nonce, expiry
        )
        return Signed(body, by.sign(message("transaction", body)))
