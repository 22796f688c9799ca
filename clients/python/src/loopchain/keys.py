"""Who signs: a key file with its certificate, as `loopchain` and `openssl` write them.

In: paths, a password. Out: Identity. A key file that others may read is refused. Not here: key folders.
"""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Union

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from .codec import digest
from .errors import LoopchainError

#: Largest key or certificate file that is read, bytes.
FILE_BYTES_MAX = 64 * 1024


def _read(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise LoopchainError("LC1101", f"{path}: {error.strerror}") from error
    if len(data) > FILE_BYTES_MAX:
        raise LoopchainError("LC1101", f"{path} has more than {FILE_BYTES_MAX} bytes")
    return data


def address_of(public_key: bytes) -> str:
    """The address of a key: `hx` and 40 hex digits."""
    return "hx" + digest("address", public_key)[:20].hex()


def public_key_of(der: bytes) -> Optional[bytes]:
    """The Ed25519 key of a certificate; None when it has another kind."""
    try:
        key = x509.load_der_x509_certificate(der).public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    if not isinstance(key, Ed25519PublicKey):
        return None
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature is right. OpenSSL refuses a few odd ones that the chain's own rule (ZIP 215)
    takes; no honest signer makes them."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@dataclass(frozen=True)
class Identity:
    """A key with its certificate (DER)."""

    key: Ed25519PrivateKey
    certificate: bytes

    @classmethod
    def load(cls, path: Union[str, Path], password: Optional[str] = None) -> "Identity":
        """Reads `NAME.key`, encrypted or not, and `NAME.crt` beside it."""
        path = Path(path)
        data = _read(path)
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise LoopchainError("LC4111", f"{path} may be read by others: run `chmod 600 {path}`")
        secret = password.encode() if password is not None else None
        if b"ENCRYPTED" not in data:
            secret = None
        try:
            key = load_pem_private_key(data, secret)
        except TypeError as error:
            raise LoopchainError("LC4123", f"{path} is encrypted: give its password") from error
        except (ValueError, UnsupportedAlgorithm) as error:
            code = "LC4123" if secret is not None else "LC1101"
            raise LoopchainError(code, f"{path}: a wrong password, or no private key") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise LoopchainError("LC1101", f"{path} holds no Ed25519 key")
        text = _read(path.with_suffix(".crt")).decode("ascii", "replace")
        body = text.partition("-----BEGIN CERTIFICATE-----")[2].partition("-----END")[0]
        try:
            certificate = base64.b64decode("".join(body.split()), validate=True)
        except ValueError:
            certificate = b""
        if public_key_of(certificate) is None:
            raise LoopchainError("LC1101", f"{path.with_suffix('.crt')} is no signing certificate")
        return cls(key, certificate)

    @property
    def certificate_id(self) -> bytes:
        """SHA-256 of the certificate: what a transaction names."""
        return hashlib.sha256(self.certificate).digest()

    @property
    def address(self) -> str:
        """Its address."""
        return address_of(self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature of a message."""
        return self.key.sign(message)
