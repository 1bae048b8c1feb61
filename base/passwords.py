"""Passwords at rest: Argon2id."""

import base64
import secrets

import argon2

hasher = argon2.PasswordHasher()


def hash_of(password: str) -> str:
    """The stored form of a password. Slow on purpose."""
    return hasher.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Whether the password matches the stored form. None or "" match nothing, and take as long."""
    try:
        return hasher.verify(stored or nobodys_hash(), password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


def is_outdated(stored: str) -> bool:
    """Whether the cost of hashing has grown since."""
    return hasher.check_needs_rehash(stored)


def nobodys_hash() -> str:
    """A hash to check against if there is no password, so that the time taken tells a stranger
    nothing. It has the usual cost and matches no password.
    """
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    ends = (secrets.token_bytes(size) for size in (hasher.salt_len, hasher.hash_len))
    salt, words = (base64.b64encode(end).decode().rstrip("=") for end in ends)
    return f"$argon2id$v=19${cost}${salt}${words}"
