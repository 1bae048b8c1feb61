"""Passwords at rest: Argon2id."""

import base64
import secrets

import argon2

hasher = argon2.PasswordHasher()


def hash_of(password: str) -> str:
    """What is stored of a password. Slow on purpose."""
    return hasher.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Whether it is the password of which this is stored; None or "": nothing is, which takes as
    long to find out.
    """
    try:
        return hasher.verify(stored or nobodys_hash(), password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


def is_outdated(stored: str) -> bool:
    """Whether the cost has grown since."""
    return hasher.check_needs_rehash(stored)


def nobodys_hash() -> str:
    """What is verified against where there is no password, so that a stranger cannot tell from the
    time taken: as costly as any, made of nothing, and so nobody's. Nothing need be hashed for it.
    """
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    ends = (secrets.token_bytes(size) for size in (hasher.salt_len, hasher.hash_len))
    salt, words = (base64.b64encode(end).decode().rstrip("=") for end in ends)
    return f"$argon2id$v=19${cost}${salt}${words}"
