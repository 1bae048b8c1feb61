"""External events as rows, in the state after a reading; no provider is asked."""

from dataclasses import replace
from datetime import UTC, date, datetime

from base.config.endpoints import Endpoints
from base.tables.outside import RULES, ExternalEvent, blocks
from sync.connect import gateway
from sync.tables.accounts import Account, RemoteCalendar


def known(*kinds: str) -> None:
    """These providers are set up, until the end of the test."""
    setup, urls = gateway.setup(), ("https://provider.invalid",) * 4
    endpoints = dict.fromkeys(kinds, Endpoints("id", "secret", *urls, False))
    gateway.set_up(replace(setup, endpoints={**endpoints, **setup.endpoints}))


def source(user, name="Family", kind="google", **columns) -> RemoteCalendar:
    """A calendar of the person's that is read to block time, at a provider that is set up."""
    known(kind)
    facts = {"email": f"{user.email.split('@')[0]}@home.test", "sealed": "", "phase": "active"}
    account = Account.create(
        clinic=user.clinic,
        user=user,
        kind=kind,
        **facts | columns,
    )
    return RemoteCalendar.create(
        clinic=user.clinic, account=account, calendar_id="home", role="source", name=name
    )


def event(
    calendar: RemoteCalendar, title: str, start: str, end: str, busy="busy", rules=RULES
) -> ExternalEvent:
    """From "2026-11-20 13:00" to "2026-11-20 14:00" in UTC, or with two dates for whole days (the
    second exclusive).
    """
    days = (
        [date.fromisoformat(start), date.fromisoformat(end)] if len(start) == 10 else [None, None]
    )
    starts_at, ends_at = (
        datetime.fromisoformat(f"{side}T00:00" if days[0] else side).replace(tzinfo=UTC)
        for side in (start, end)
    )
    return ExternalEvent.create(
        clinic=calendar.clinic,
        user=calendar.account.user,
        calendar=calendar,
        remote_id=f"{title} {start}",
        title=title,
        busy=busy,
        blocks=blocks(busy, bool(days[0]), rules),
        starts_at=starts_at,
        ends_at=ends_at,
        starts_on=days[0],
        ends_on=days[1],
    )
