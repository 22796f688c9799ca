"""What goes wrong: one exception with the code that `loopchain explain` knows.

In: problem documents (RFC 9457), refusals of this package. Out: LoopchainError. Decide by `code` and
`retryable`, never by the text.
"""

from __future__ import annotations

from typing import Any, List, Optional


class LoopchainError(Exception):
    """`code` is `LCnnnn`, `retryable` whether the same request may succeed later."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        help: Optional[List[str]] = None,
        request_id: Optional[str] = None,
        status: Optional[int] = None,
        retry_after: Optional[float] = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retryable = retryable
        self.help = help or []
        self.request_id = request_id
        self.status = status
        self.retry_after = retry_after

    @classmethod
    def from_problem(
        cls, status: int, body: Any, retry_after: Optional[float] = None
    ) -> "LoopchainError":
        """The error that the body of a refusal tells."""
        body = body if isinstance(body, dict) else {}
        told = body.get("help")
        return cls(
            str(body.get("code") or "LC9001"),
            str(body.get("detail") or body.get("title") or f"the peer answered with status {status}"),
            retryable=body.get("retryable") is True,
            help=told if isinstance(told, list) else [told] if isinstance(told, str) else [],
            request_id=body.get("request_id"),
            status=status,
            retry_after=retry_after,
        )


def unreachable(message: str) -> LoopchainError:
    """A peer that does not answer: another one, or the same one later, may."""
    return LoopchainError("LC3101", message, retryable=True)
