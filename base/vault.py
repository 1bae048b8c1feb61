"""Encrypted secrets in the database.

Credentials of accounts are encrypted (Fernet: AES-128-CBC with HMAC-SHA-256), under keys that are
derived from the server's.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

_vault: MultiFernet | None = None
_derivers: list[bytes] = []


class CannotOpen(Exception):
    """The text was encrypted under a key that this server does not have (any more)."""


def open_vault(secret_keys: Sequence[str]) -> None:
    """Set the keys in force, newest first. Older keys can still decrypt."""
    global _vault, _derivers
    _vault = MultiFernet([Fernet(_key(secret)) for secret in secret_keys]) if secret_keys else None
    _derivers = [
        hashlib.sha256(b"kalends derived|" + secret.encode()).digest() for secret in secret_keys
    ]


def seal(text: str) -> str:
    """Encrypt the text under the newest key. Raises CannotOpen if no key is set."""
    if _vault is None:
        raise CannotOpen
    return _vault.encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """Decrypt the text. Raises CannotOpen, also if no key is set."""
    if _vault is None:
        raise CannotOpen
    try:
        return _vault.decrypt(sealed.encode()).decode()
    except (InvalidToken, ValueError):
        raise CannotOpen from None


def opens(sealed: str) -> bool:
    """Whether a key in force decrypts it."""
    try:
        unseal(sealed)
    except CannotOpen:
        return False
    return True


def reseal(sealed: str) -> str:
    """Encrypt again under the newest key, so that older keys may be deleted. Raises CannotOpen."""
    return seal(unseal(sealed))


def derived(purpose: str, text: str) -> list[str]:
    """Secrets derived from a text, one for each key in force, newest first.

    Each has 43 characters that may stand in an address.
    """
    found = (
        hmac.new(key, f"{purpose}|{text}".encode(), hashlib.sha256).digest() for key in _derivers
    )
    return [base64.urlsafe_b64encode(digest).decode().rstrip("=") for digest in found]


def hash_of(secret: str) -> str:
    """The hash that is stored in place of a random secret, or of a long text that must be short."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _key(secret: str) -> bytes:
    """The key for one purpose. It opens nothing that was sealed or derived for another purpose."""
    return base64.urlsafe_b64encode(
        hashlib.sha256(b"kalends credentials|" + secret.encode()).digest()
    )
