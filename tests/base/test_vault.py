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


def test_what_is_sealed_holds_no_secret_and_opens_under_every_key_in_force(keys):
    vault.open_vault(["old"])
    sealed = vault.seal("refresh-token")
    assert "refresh-token" not in sealed and sealed != vault.seal("refresh-token")
    vault.open_vault(["new", "old"])
    renewed = vault.reseal(sealed)
    assert vault.unseal(sealed) == vault.unseal(renewed) == "refresh-token"
    vault.open_vault(["new"])
    assert vault.opens(renewed) and not vault.opens(sealed)


def test_what_was_changed_on_the_way_is_not_opened(keys):
    vault.open_vault(["a key"])
    sealed = vault.seal("refresh-token")
    changed = sealed[:20] + ("A" if sealed[20] != "A" else "B") + sealed[21:]
    assert not vault.opens(changed) and not vault.opens("")
