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
    """Whether the stored form was made at a lower cost than new ones."""
    return hasher.check_needs_rehash(stored)


def nobodys_hash() -> str:
    """A hash that matches no password. Checking it takes as long as any other, so a stranger cannot
    tell by the time whether a person has a password.
    """
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    ends = (secrets.token_bytes(size) for size in (hasher.salt_len, hasher.hash_len))
    salt, words = (base64.b64encode(end).decode().rstrip("=") for end in ends)
    return f"$argon2id$v=19${cost}${salt}${words}"
