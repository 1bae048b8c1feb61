"""Secrets at rest: sealed under the newest key, opened under any that is in force."""

from collections.abc import Iterator

import pytest

from base import vault


@pytest.fixture
def keys(monkeypatch) -> Iterator[None]:
    """The keys in force are as before after the test."""
    monkeypatch.setattr(vault, "_vault", vault._vault)
    monkeypatch.setattr(vault, "_derivers", vault._derivers)


def test_without_a_key_nothing_is_sealed_and_nothing_opened(keys):
    vault.open_vault(["a key"])
    sealed = vault.seal("a secret")
    assert vault.unseal(sealed) == "a secret"
    vault.open_vault([])
    with pytest.raises(vault.CannotOpen):
        vault.seal("a secret")
    with pytest.raises(vault.CannotOpen):
        vault.unseal(sealed)
