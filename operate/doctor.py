"""Checks of the installation. Each finding is a sentence with what to fix."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from peewee import PeeweeException

import models
from base import day_names, jobs, scheduling
from base.catalogue import _, ngettext
from base.config.endpoints import is_loopback
from base.database import is_sqlite
from base.tables import outbox
from base.tables.faulty import FaultyRow
from letters import sending
from letters.refusal_words import WHY
from letters.smtp import LetterRefused, MailServer

from . import disk, doctor_sync, keys, migrate, overlap_check


def examine(settings, mail_to: str | None = None) -> Iterator[tuple[bool, str]]:
    """A line for each part: whether it works, and a sentence.

    Parts: settings, clock, database, queue, base URL, mail and two-way sync. `mail_to`: send a
    trial letter to this address.
    """
    yield (
        True,
        _(
            "The settings can be read. Kalends keeps its files in {instance}.",
            instance=settings.instance,
        ),
    )
    yield _clock()
    if not settings.secret_keys:
        yield False, settings.key_fault or keys.MISSING
        return
    yield from _database(settings)
    yield _disk(settings)
    yield from _queue(settings)
    yield _base_url(settings)
    yield _mail(mail_to)
    yield from doctor_sync.examine(settings)
    if migrate.state() == "current":
        yield from overlap_check.examine()
        yield _faulty_rows()


def _clock() -> tuple[bool, str]:
    """The line about the clock, which is wrong if an event is older than the program itself."""
    now, made = scheduling.utc_now(), datetime.fromtimestamp(Path(__file__).stat().st_mtime, UTC)
    if now < made:
        return (
            False,
            (
                _(
                    "The clock says {now}, before this program was installed. Set the"
                    " machine's clock (Debian: systemd-timesyncd).",
                    now=day_names.plain(now),
                )
            ),
        )
    return True, _("The clock says {now} UTC.", now=day_names.moment(now))


def _database(settings) -> Iterator[tuple[bool, str]]:
    kind = "SQLite" if is_sqlite() else "PostgreSQL"
    try:
        models.database.connect(reuse_if_open=True)
        fault = migrate.unfit()
        migrate.try_writing()
    except PeeweeException as error:
        yield False, str(migrate.unusable(error))
        return
    finally:
        if not models.database.is_closed():
            models.database.close()
    fits = _(
        "The database ({kind}) can be read and written, and has this program's tables.", kind=kind
    )
    yield not fault, fault or fits
    if not fault:
        yield from _key(settings)
    if settings.production and is_sqlite():
        yield True, _("SQLite serves one machine. For several, set DATABASE_URL to PostgreSQL.")


def _key(settings) -> Iterator[tuple[bool, str]]:
    try:
        found, welcome = keys.state(settings.secret_keys), keys.welcome_path(settings.secret_keys)
    except PeeweeException as error:
        yield False, str(migrate.unusable(error))
        return
    finally:
        if not models.database.is_closed():
            models.database.close()
    yield (
        found != "another",
        {
            "ours": _("The secret key is this database's."),
            "new": _("The secret key will be this database's with its first clinic."),
            "another": keys.OF_ANOTHER,
            "unproved": (
                _(
                    "Nothing here tells whether the secret key is this database's. If private links"
                    " work, confirm it: flask --app app key accept"
                )
            ),
        }[found],
    )
    if welcome:
        yield (
            True,
            _(
                "There is no clinic yet. Create it here: {base_url}{welcome}",
                base_url=settings.base_url,
                welcome=welcome,
            ),
        )


def _faulty_rows() -> tuple[bool, str]:
    """The line about rows at which a chore fails. Nothing else shows them."""
    found = FaultyRow.put_off_now()
    if not found:
        return True, _("Chores: 0 rows that they failed at.")
    count = sum(found.values())
    which = ", ".join(f"{chore} {number}" for chore, number in found.items())
    return False, ngettext(
        "Chores: {count} row that they failed at ({which}). It is tried again by itself, at least"
        " every six hours. The log says where it fails: report that line as a fault of Kalends.",
        "Chores: {count} rows that they failed at ({which}). They are tried again by themselves,"
        " at least every six hours. The log says where they fail: report these lines as a fault"
        " of Kalends.",
        count,
        count=count,
        which=which,
    )


def _disk(settings) -> tuple[bool, str]:
    faults = disk.faults(settings)
    if faults:
        return (
            False,
            (
                _(
                    "{faults}: nothing can be saved in {instance}."
                    " Make room, or make it writable. Kalends then goes on by itself.",
                    faults=" and ".join(faults).capitalize(),
                    instance=settings.instance,
                )
            ),
        )
    return True, _("There is room on the disk.")


def _queue(settings) -> Iterator[tuple[bool, str]]:
    fault = jobs.fault()
    if fault not in (None, "away"):
        yield (
            False,
            _(
                "Redis answers, but takes no jobs ({fault}): its disk or memory is full, it still"
                " loads, or it is a replica. Look at its log.",
                fault=fault,
            ),
        )
        return
    workers = None if fault else jobs.workers()
    if workers is None:
        yield (
            False,
            (
                _("Redis does not answer. It runs with `start` or `make run`: start that.")
                if settings.embedded_redis
                else _("Redis does not answer. Check REDIS_URL and that its server runs.")
            ),
        )
        return
    yield True, _("Redis answers.")
    yield (
        workers > 0,
        (
            _("Workers running: {workers}.", workers=workers)
            if workers
            else _("No worker runs. Start: flask --app app worker")
        ),
    )


def _base_url(settings) -> tuple[bool, str]:
    url = urlsplit(settings.base_url)
    local = is_loopback(settings.base_url)
    if settings.production and (url.scheme != "https" or local):
        return (
            False,
            (
                _(
                    "KALENDS_BASE_URL is {base_url}. Set it to the https:// address that"
                    " people open, and put a TLS proxy in front.",
                    base_url=settings.base_url,
                )
            ),
        )
    if url.scheme == "https" and not settings.trusted_proxies:
        return (
            False,
            (
                _(
                    "KALENDS_BASE_URL is https, but KALENDS_TRUSTED_PROXIES is 0. Set it to the"
                    " number of proxies in front, usually 1."
                )
            ),
        )
    if local:
        return (
            True,
            (
                _(
                    "People open {base_url}. Only this machine can; calendar programs"
                    " elsewhere cannot read private links there.",
                    base_url=settings.base_url,
                )
            ),
        )
    return True, _("People open {base_url}.", base_url=settings.base_url)


def _mail(mail_to: str | None) -> tuple[bool, str]:
    if not outbox.is_set_up():
        return (
            not mail_to,
            _(
                "No mail is sent: SMTP_URL is not set. Invitations and resets are passed on by"
                " hand."
            ),
        )
    try:
        if mail_to:
            sending.try_out(mail_to)
            return (
                True,
                (
                    _(
                        "The mail server took a letter for {mail_to}. Look whether it arrives,"
                        " in the junk folder too.",
                        mail_to=mail_to,
                    )
                ),
            )
        return True, _signed_in()
    except sending.BadAddress:
        return False, _(
            "{mail_to} is not an e-mail address. Write one such as name@example.org.",
            mail_to=mail_to,
        )
    except LetterRefused as refused:
        return False, _not_accepted(refused, mail_to)


def _signed_in() -> str:
    """Connect to the mail server. Raises LetterRefused."""
    with closing(MailServer(outbox.setup())) as server:
        server.open()
        if server.is_private:
            return _(
                "The mail server takes our sign-in. To send a trial letter: doctor --mail-to"
                " ADDRESS"
            )
    return _(
        "The mail server takes our sign-in, but does not encrypt: others on the way can read"
        " letters. To send a trial letter: doctor --mail-to ADDRESS"
    )


def _not_accepted(refused: LetterRefused, mail_to: str | None) -> str:
    what = (
        _(
            "a letter from {mail_from} for {mail_to}",
            mail_from=outbox.setup().mail_from,
            mail_to=mail_to,
        )
        if mail_to
        else _("us")
    )
    why = WHY.get(refused.word) or refused.answer or refused.word
    return _(
        "The mail server does not take {what}: {why}. Check SMTP_URL{and_sender}.",
        what=what,
        why=str(why).rstrip("."),
        and_sender=" and MAIL_FROM" if mail_to else "",
    )
