"""The doctor's findings about providers, about the server's address, and about connected
accounts.
"""

from datetime import timedelta

import external
import pytest

from app import Settings
from base import vault
from operate import doctor_sync
from sync.tables.accounts import Account

GOOGLE = {"GOOGLE_CLIENT_ID": "id", "GOOGLE_CLIENT_SECRET": "shh-google"}
MICROSOFT = {"MICROSOFT_CLIENT_ID": "id", "MICROSOFT_CLIENT_SECRET": "shh-microsoft"}


@pytest.fixture
def said(app, linden, tmp_path):
    """`said(**environ)`: the doctor's findings, as lines that begin with "ok" or "FIX"."""

    def ask(**environ) -> list[str]:
        settings = Settings.from_env({"KALENDS_INSTANCE": str(tmp_path), **environ})
        found = [
            f"{'ok' if well else 'FIX'} {sentence}"
            for well, sentence in doctor_sync.examine(settings)
        ]
        assert not [line for line in found if "shh" in line or "home.test" in line]
        return found

    return ask


@pytest.fixture
def account(linden, clock):
    return external.source(
        linden.pat, sealed=vault.seal("{}"), consented_at=clock.now - timedelta(days=7)
    ).account


def set_to(account, **columns):
    Account.update(**columns).where(Account.id == account.id).execute()


def test_without_a_provider_it_says_what_the_guides_need(said):
    assert said()[0].startswith(
        "ok Not set up: sync with Google and Microsoft. docs/google-setup.md and"
        " docs/outlook-setup.md lead through it, and these are the redirect URIs to register"
        " there: http"
    )
    assert "/connect/google, " in said()[0] and said()[0].endswith("/connect/microsoft")
    found = said(**GOOGLE, KALENDS_BASE_URL="https://calendar.linden.health")
    assert [
        line
        for line in found
        if line.startswith(
            "ok Not set up: sync with Microsoft. docs/outlook-setup.md leads through it, and this"
            " is the redirect URI to register there: https://"
        )
    ]
    assert not [line for line in said(**GOOGLE, **MICROSOFT) if "Not set up" in line]


def test_no_finding_is_said_twice(said):
    for environ in ({}, GOOGLE, MICROSOFT, GOOGLE | MICROSOFT):
        found = said(**environ)
        assert len(found) == len(set(found))


def test_the_doctor_prints_each_providers_exact_redirect_uri(said):
    found = said(**GOOGLE, **MICROSOFT, KALENDS_BASE_URL="https://calendar.linden.health/")
    assert (
        "ok Google is set up. Register there this redirect URI, exactly:"
        " https://calendar.linden.health/connect/google" in found
    )
    assert (
        "ok Microsoft is set up. Register there this redirect URI, exactly:"
        " https://calendar.linden.health/connect/microsoft" in found
    )
    assert (
        "ok Redirects to https://calendar.linden.health are accepted by Google and Microsoft."
        in found
    )
    assert any(
        line.startswith("ok Instant updates come to https://calendar.linden.health/webhooks/.")
        for line in found
    )


def test_the_imitation_is_named_and_asks_for_no_address(said):
    found = said(KALENDS_SANDBOX="1")
    assert "ok Google is the imitation that comes with Kalends." in found
    assert not [line for line in found if "Register" in line or "Redirects" in line]


@pytest.mark.parametrize(
    ("base_url", "begins"),
    [
        ("http://localhost:8000", "ok Redirects to this machine itself are accepted"),
        ("http://127.0.0.1:8000", "ok Redirects to this machine itself are accepted"),
        (
            "http://calendar.linden.health",
            "FIX Redirects to http://calendar.linden.health are refused by Google.",
        ),
        ("https://192.168.1.10", "FIX Google refuses a bare IP address such as 192.168.1.10."),
        ("https://[2001:db8::1]", "FIX Google refuses a bare IP address"),
        ("https://kalends.local", "FIX Google refuses kalends.local: its ending is no public one."),
        ("https://kalends", "FIX Google refuses kalends: its ending is no public one."),
        (
            "https://kalends.linden.health",
            "ok Redirects to https://kalends.linden.health are accepted by Google.",
        ),
    ],
)
def test_addresses_that_a_provider_would_refuse_are_named(said, base_url, begins):
    assert [line for line in said(**GOOGLE, KALENDS_BASE_URL=base_url) if line.startswith(begins)]
    # before a client id is set it is news, and no fault
    sentence = begins.partition(" ")[2].removesuffix("by Google.")
    found = said(KALENDS_BASE_URL=base_url)
    assert [line for line in found if line.startswith(f"ok {sentence}")]
    if " Google refuses " in begins:  # which is no rule of others
        ok = f"ok Redirects to {base_url} are accepted by Microsoft."
        assert ok in said(**MICROSOFT, KALENDS_BASE_URL=base_url)


@pytest.mark.parametrize(
    ("environ", "begins"),
    [
        (
            {},
            (
                "ok No instant updates: they need an https:// address. Kalends looks for changes"
                " every 300 seconds instead."
            ),
        ),
        (
            {"KALENDS_WEBHOOK_URL": "http://localhost:8000"},
            "FIX Google and Microsoft cannot reach http://localhost:8000.",
        ),
        (
            {"KALENDS_WEBHOOK_URL": "https://hooks.linden.health"},
            "ok Instant updates come to https://hooks.linden.health/webhooks/.",
        ),
    ],
)
def test_the_doctor_says_whether_webhook_messages_can_arrive(said, environ, begins):
    assert [line for line in said(**GOOGLE, **environ) if line.startswith(begins)]


# ---- accounts ----


def test_accounts_in_order_are_counted(said, account):
    assert said()[-1] == "ok Connected accounts: 1."


def test_accounts_to_reconnect_are_counted_and_seven_days_name_the_cause(said, account, clock):
    set_to(account, health="reconnect", failing_since=clock.now)
    found = said()
    assert "FIX One connected account must be reconnected by its owner, on Calendar sync." in found
    assert [
        line
        for line in found
        if line.startswith(
            "FIX Google ended access about seven days after it was given. The project is probably"
            " still"
        )
    ]
    set_to(account, failing_since=clock.now + timedelta(days=30))
    assert not [line for line in said() if "seven days" in line]
    set_to(account, failing_since=clock.now, kind="microsoft")
    assert not [line for line in said() if "seven days" in line]


def test_credentials_that_no_key_opens_are_counted(said, account, settings):
    vault.open_vault(("another key",))
    try:
        assert [
            line
            for line in said()
            if line.startswith(
                "FIX One connected account cannot be used: no key of KALENDS_SECRET_KEY opens"
            )
        ]
    finally:
        vault.open_vault(settings.secret_keys)


def test_a_provider_that_refuses_the_whole_program_is_named_with_its_word(said, account):
    set_to(account, health="operator", health_word="invalid_client")
    assert [
        line
        for line in said()
        if line.startswith("FIX Google refuses this Kalends as a whole (invalid_client).")
    ]
