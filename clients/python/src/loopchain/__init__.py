"""Client of loopchain: sign, submit and wait, query, follow events, check proofs and receipts.

In: addresses of peers, key files. Out: transactions on a channel, what its peers say, and whether it is so. The
map: `client` talks, `keys` and `transaction` sign, `verify` and `state` check, `codec` and `arguments` are the bytes.
"""

from .client import Client, check
from .errors import LoopchainError
from .events import Event, EventParser
from .keys import Identity
from .state import verify_state
from .transaction import Call, Signed
from .verify import Proven, Shown, verify_block_proof, verify_receipt

__all__ = [
    "Call",
    "Client",
    "Event",
    "EventParser",
    "Identity",
    "LoopchainError",
    "Proven",
    "Shown",
    "Signed",
    "check",
    "verify_block_proof",
    "verify_receipt",
    "verify_state",
]
__version__ = "0.1.0"
