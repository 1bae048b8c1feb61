"""Lines of the owner's board about the server: workers, instant updates, mail, providers.

They only word facts. They name no client and no calendar outside.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from base import jobs
from base.catalogue import _
from base.tables import outbox, texts
from base.tables.texts import TextSettings
from letters import queues
from models import Clinic
from sync.connect import gateway
from sync.providers import registry
from sync.two_way.standing.many import Overview
from sync.two_way.standing.state import Standing
from views.kit import display
from views.kit.words import letter_words, sync_words, text_words

ICONS = {"trouble": "stop", "waiting": "warn", "busy": "sync", "ok": "check", "off": "pause"}


@dataclass(frozen=True)
class HealthPart:
    """One line about a part of the server."""

    name: str
    badge: str
    state: str
    more: str = ""
    help: str = ""  # the help page about it
    may_send_again: bool = False

    @property
    def icon(self) -> str:
        return ICONS[self.badge]


def parts(clinic: Clinic, board: Sequence[Overview], zone: ZoneInfo) -> list[HealthPart]:
    """All lines. `board`: the rows of the clinic's accounts, read already."""
    standings = [one.standing for one in board]
    waiting = queues.queues_of(clinic)
    return [
        _waiting(standings),
        _queue(),
        _live(standings, zone),
        _checks(standings),
        _mail(clinic, waiting[outbox.MAIL], zone),
        *_texts(clinic, waiting[texts.queue_of(clinic.id)], zone),
        *_providers(),
    ]


def _waiting(standings: Sequence[Standing]) -> HealthPart:
    due = sum(one.is_due and not one.is_leased for one in standings)
    return (
        HealthPart(
            _("Work waiting"), "waiting", sync_words.count(due, "account"), _("to be looked at now")
        )
        if due
        else HealthPart(_("Work waiting"), "ok", _("None"))
    )


def _queue() -> HealthPart:
    count = jobs.workers()
    if count is None:
        return HealthPart(
            _("Workers"),
            "trouble",
            _("The queue is away"),
            _("Redis does not answer. Nothing is lost: what is due stays in the database."),
        )
    if not count:
        return HealthPart(
            _("Workers"),
            "trouble",
            _("None is running"),
            _("Nothing goes out until the server administrator starts one."),
        )
    return HealthPart(_("Workers"), "ok", _("{count} running", count=count))


def _live(standings: Sequence[Standing], zone: ZoneInfo) -> HealthPart:
    if not gateway.setup().webhook_url:
        every = _(
            "{companies} cannot reach this address, so we look every {duration}.",
            companies=registry.companies(),
            duration=display.duration(gateway.setup().poll_seconds),
        )
        return HealthPart(_("Instant updates"), "waiting", _("Not possible here"), every, "two-way")
    active = [one for one in standings if one.may_be_live]
    total, opened = len(active), sum(one.is_live for one in active)
    open_ones = [row for one in active for row in one.channels if one.proves(row)]
    first = min((row.expires_at for row in open_ones), default=None)
    last = max((row.called_at for row in open_ones if row.called_at), default=None)
    more = [_("the last one {ago}", ago=display.ago(last))] if last else []
    more += (
        [
            _(
                "the first is renewed before {first}",
                first=display.moment(first, zone),
            )
        ]
        if first
        else []
    )
    how = (
        _("On for {opened} of {total}", opened=opened, total=total)
        if total
        else _("None needed now")
    )
    return HealthPart(
        _("Instant updates"), "ok" if opened == total else "waiting", how, ", ".join(more)
    )


def _checks(standings: Sequence[Standing]) -> HealthPart:
    checked = [one.account.checked_at for one in standings if one.account.checked_at]
    last = max(checked, default=None)
    more = _("last one {ago}", ago=display.ago(last)) if last else _("none yet")
    return HealthPart(
        _("Regular check"),
        "ok",
        _("Every {duration}", duration=display.duration(gateway.setup().poll_seconds)),
        more,
    )


def _mail(clinic: Clinic, queue: queues.Queue, zone: ZoneInfo) -> HealthPart:
    if not outbox.is_set_up():
        return HealthPart(
            _("Mail"),
            "waiting",
            _("Not set up"),
            _("Notices stay in Kalends, and no e-mails are sent."),
        )
    words = letter_words.mail(clinic, queue, zone)
    return HealthPart(_("Mail"), *words, may_send_again=bool(queue.again))


def _texts(clinic: Clinic, queue: queues.Queue, zone: ZoneInfo) -> list[HealthPart]:
    if not TextSettings.of(clinic).sends:
        return []
    words = text_words.state(queue, zone)
    again = bool(queue.again)
    return [HealthPart(_("Text messages"), *words, "text-messages", may_send_again=again)]


def _providers() -> list[HealthPart]:
    parts = []
    for kind, row in registry.PROVIDERS.items():
        if row.by_password:  # nothing to set up: each account says where its server is
            continue
        name, page = row.name, row.help.page
        if kind not in gateway.kinds():
            parts.append(
                HealthPart(
                    name,
                    "off",
                    _("Not set up"),
                    _("{guide} tells the server administrator how.", guide=row.guide),
                    page,
                )
            )
        elif gateway.is_sandbox(kind):
            parts.append(
                HealthPart(
                    name,
                    "waiting",
                    _("Test mode"),
                    _("Nothing reaches the real {name}.", name=name),
                    page,
                )
            )
        else:
            parts.append(HealthPart(name, "ok", _("Set up"), "", page))
    return parts
