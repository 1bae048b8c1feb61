"""A person's changes to an account that syncs. The next run carries them out outside."""

from datetime import timedelta

from base.database import now, transition
from base.tables.audit import AuditEntry
from base.tables.outbox import Letter
from base.tables.outside import ExternalEvent
from models import User

from .accounts import TOO_MUCH_AT_ONCE, Account, RemoteCalendar
from .mappings import MappingRow
from .notices import Notice

LIST_IS_OLD = timedelta(minutes=10)


@transition
def pause(account: Account, actor: User) -> None:
    """Stop all changes, outside and here, until `resume`."""
    if account.is_active:
        account.put(phase="paused")
        AuditEntry.note(account.clinic, actor, "account.paused", account)


@transition
def resume(account: Account, actor: User) -> None:
    """End a pause. The next run carries out the missed changes."""
    if account.phase == "paused":
        account.put(phase="active", due_at=now(), because="resume")
        AuditEntry.note(account.clinic, actor, "account.resumed", account)


@transition
def change(account: Account, /, actor: User, **settings: object) -> None:
    """Set any of `edits`, `lock_sign`, `time_off`, `direction`, `hide_sensitive`, `covers`,
    `past_days`, `future_days`; the next run changes the events outside.
    """
    settings = {name: to for name, to in settings.items() if getattr(account, name) != to}
    if not settings:  # a second press
        return
    if "direction" in settings:
        _turn(account, str(settings["direction"]))
    account.put(**settings, due_at=now(), because="change")
    AuditEntry.note(
        account.clinic,
        actor,
        "account.changed",
        account,
        **{name: value for name, value in settings.items() if name != "covers"},
    )


def _turn(account: Account, direction: str) -> None:
    """Set the direction from the next run on. Mappings stay, so that no event is doubled when ours
    are written again; the calendars that were read are remembered.
    """
    calendars = RemoteCalendar.account == account
    unread = {"sync_token": None, "due_at": None, "turn": RemoteCalendar.turn + 1}
    if direction == "out":
        ExternalEvent.delete().where(ExternalEvent.calendar.in_(account.calendars)).execute()
        read = RemoteCalendar.select(RemoteCalendar.id).where(
            calendars, RemoteCalendar.role == "source"
        )
        for row in read:
            Notice.settle(account, f"empty {row.id}", "stopped")
        RemoteCalendar.update(
            role="listed", was_source=True, read_at=None, may_empty=False, gone_since=None, **unread
        ).where(calendars, RemoteCalendar.role == "source").execute()
        account.show_anew()
    elif account.direction == "out":
        RemoteCalendar.update(role="source", was_source=False, **unread).where(
            calendars, RemoteCalendar.was_source, RemoteCalendar.role == "listed"
        ).execute()
    if "out" in (direction, account.direction):
        # events of others in our calendar are now read, or not any more: a reading that has begun
        # is void
        RemoteCalendar.update(**unread).where(
            calendars, RemoteCalendar.role == "destination"
        ).execute()
    if direction == "in":  # also events that failed before, or were to be kept there
        MappingRow.update(tries=0, retry_at=None, problem="").where(
            MappingRow.account == account, MappingRow.problem != ""
        ).execute()


@transition
def ask_for_run(account: Account, because: str, actor: User | None = None) -> None:
    """Ask for a run now: "check" (the person pressed), "resync" (read everything again and
    compare). It does not wait for a time that we chose ourselves after a failure; one for which the
    provider asked stays.
    """
    if because == "resync":
        RemoteCalendar.update(
            sync_token=None,
            due_at=None,
            search_at=None,
            sought_at=None,
            turn=RemoteCalendar.turn + 1,
        ).where(RemoteCalendar.account == account).execute()
        MappingRow.update(tries=0, retry_at=None, problem="").where(
            MappingRow.account == account, MappingRow.problem != "kept"
        ).execute()
        account.put(searched_at=None)
        is_due = account.due_at is not None and account.due_at <= now()
        if not (is_due and account.because == "resync"):  # the button was pressed twice
            AuditEntry.note(account.clinic, actor, "account.resync", account)
    else:
        RemoteCalendar.update(due_at=None).where(
            RemoteCalendar.account == account, RemoteCalendar.role == "source"
        ).execute()
    is_own_wait = account.wait_until is not None and account.health_word != TOO_MUCH_AT_ONCE
    wait_until = now() if is_own_wait else account.wait_until
    account.put(due_at=now(), because=because, wait_until=wait_until)


@transition
def remind(account: Account, actor: User) -> bool:
    """Ask the account's owner to look at it, by a notice on their page and a letter. Returns
    whether one was written: at most one an hour, and only if mail is set up.
    """
    at = now()
    notice = Notice.give(account, "sync_reminder", detail={"at": at.isoformat(), "by": actor.id})
    about = f"{notice.id} {at:%Y-%m-%dT%H}"
    AuditEntry.note_once(account.clinic, actor, "account.reminded", account)
    to = account.user.email
    return Letter.write(account.clinic, "sync_reminder", account, about, to, by=actor.id)


def is_list_old(account: Account) -> bool:
    """Whether the list of calendars may be outdated, and a run could renew it now."""
    is_old = account.listed_at is None or now() - account.listed_at > LIST_IS_OLD
    return is_old and account.is_active and account.health == "ok"


def list_anew(user: User) -> None:
    """Have runs list the calendars of the person's accounts whose lists are old."""
    for account in Account.of(user, "active"):
        _list_anew(account)


@transition
def _list_anew(account: Account) -> None:
    if is_list_old(account):
        account.put(listed_at=None, due_at=now())
