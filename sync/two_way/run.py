"""The shell around the plan: take the account's lease, read, decide, carry out, store, and check
once more before the lease ends.

A round ends in one of three ways: both sides agree (up to `synced_rev`), a person must decide (a
Notice), or an error is stored on the account's row with the time of the next try. Nothing else is
kept between rounds, so a round may be killed at any point.
"""

import logging
import time
from contextlib import suppress
from datetime import timedelta

from base import jobs, scheduling
from base.text import places
from sync.connect import calendar_list, gateway
from sync.providers.errors import Endless, ProviderError
from sync.tables import due, ending
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.leases import LeaseLost, Overtaken
from sync.tables.notices import Notice
from sync.tables.pace import ToldChange
from sync.tables.runs import SyncRun

from .plans import doubts, local, showing
from .reading import channel_upkeep, double_bookings, guests, mirror, search, stray_events
from .reading.pull import CalendarReading
from .standing.state import Standing
from .worker import consequences
from .worker.context import GOES_ON, OutOfTime, RunContext
from .worker.lease import leased
from .writing import leaving, text_removal
from .writing.destination import forget, make
from .writing.rounds import Sender

log = logging.getLogger("kalends.sync")

ASKED = ("check", "resync", "owner")  # by a person, who looks for it in the history
MOST_ROUNDS = 25  # seconds of one call: the next sweep continues a longer run
LISTED = timedelta(hours=20)


def run(account_id: int, seconds: float | None = None) -> bool:
    """Run the account's sync, if it is due and no other worker has its lease. True: its time slice
    (`seconds`) ended with work left.

    May be called at any time, twice, from anywhere. Errors of the provider are not raised: they are
    stored on the row.
    """
    ends_at = seconds and time.monotonic() + seconds
    for _ in range(MOST_ROUNDS):
        with leased(account_id) as holder:
            if holder is None:
                return False
            try:
                is_over = _rounds(account_id, holder, ends_at)
            except LeaseLost:
                return False
            except OutOfTime:
                return True
        again = due.of_id(account_id)  # somebody may have asked just before
        if is_over or not (again and again.is_free and again.kind in gateway.kinds()):
            return is_over
    return False


def _rounds(account_id: int, holder: str, ends_at: float | None) -> bool:
    """Run rounds until nothing is due. True: the slice is over with something due. Raises
    LeaseLost, OutOfTime.
    """
    for number in range(MOST_ROUNDS):
        is_due = due.of_id(account_id) is not None
        account = is_due and Account.with_owner().where(Account.id == account_id).first()
        if not account or not _is_set_up(account):
            return False
        if number and ends_at and time.monotonic() > ends_at:
            return True
        with suppress(Overtaken):
            _Round(account, holder, ends_at).work()
    return False


def _is_set_up(account: Account) -> bool:
    """Whether the account's provider is set up. If it was removed from the settings, our events
    cannot be deleted until it is set up again, or a person leaves them.
    """
    if account.kind in gateway.kinds():
        return True
    if account.phase == "leaving" and not account.removes:
        leaving.let_go(account, is_gone=False)
    elif account.phase == "leaving":
        at = scheduling.utc_now()
        stuck = {
            "health": "operator",
            "health_word": "not set up",
            "failing_since": account.failing_since or at,
            "wait_until": at + consequences.DAILY,
        }
        Account.update(**stuck, failures=account.failures + 1).where(
            Account.id == account.id
        ).execute()
    return False


class _Round:
    """One round for one account."""

    def __init__(self, account: Account, holder: str, ends_at: float | None):
        setup = gateway.setup()
        self.account = account
        self.context = RunContext(
            account, holder, gateway.open_account(account), setup.secret, ends_at
        )
        self.reader = CalendarReading(self.context, gateway.poll_seconds(account.kind))
        self.is_stopped = False
        self.goes_on = False  # continues the last time slice
        self.is_answered = False  # a person agreed to a plan before this round

    def work(self) -> None:
        """Do what is due. Errors are stored; OutOfTime and LeaseLost are raised."""
        try:
            with self.context.writing():
                self._collect_requests()
                self._resume_or_close()
            self.revision = local.revision(self.account)
            self.account.refresh()  # changes and requests from before `due_at` was cleared
            self.is_answered = self.account.approved is not None
            if self.account.user.left_at and self.account.phase != "leaving":
                ending.begin_departure(self.account, None, "disconnect")
            if self.account.phase == "leaving":
                leaving.carry_out_departure(self.context, self.reader.pages)
            else:
                self._sync()
            self._end()
        except (LeaseLost, OutOfTime, Overtaken, jobs.JobTooLong) as error:
            at = scheduling.utc_now()
            # a calendar that was not read stays due by itself
            if isinstance(error, (OutOfTime, jobs.JobTooLong)):
                Account.be_due(self.account.id, at, channel_upkeep.TOLD)
                self.context.stop_for_now()
                raise OutOfTime from None
            Account.update(due_at=at).where(Account.id == self.account.id).execute()
            raise
        except ProviderError as error:
            consequences.write_down(self.context, error)
        except Exception as error:
            log.error("account %s: %s at %s", self.account.id, type(error).__name__, places(error))
            consequences.write_down(self.context, ProviderError("fault"))

    def _collect_requests(self) -> None:
        """Move a request to read our calendar from the account to the calendar, where it stays
        until it is read. A webhook about this account's own write is no request.
        """
        row = (
            Account.select(Account.due_at, Account.because)
            .where(Account.id == self.account.id)
            .get()
        )
        is_news, at = ToldChange.collect(self.account), scheduling.utc_now()
        is_asked = row.due_at is not None and row.due_at <= at
        if is_news or (is_asked and row.because != channel_upkeep.TOLD):
            mine = RemoteCalendar.account == self.account, RemoteCalendar.role == "destination"
            RemoteCalendar.update(due_at=None).where(*mine).execute()
        # a request counts for one round only
        because = row.because if is_asked or is_news else ""
        because = "live" if because == channel_upkeep.TOLD else because
        # this round is too early for doubts that are checked later
        again = {"due_at": doubts.soonest(self.account, at)} if is_asked else {}
        if again or because != row.because:
            Account.update(because=because, **again).where(Account.id == self.account.id).execute()

    def _resume_or_close(self) -> None:
        """Continue a run that ended with its time slice. Close any other run without an end, since
        it was interrupted.
        """
        for row in (
            SyncRun.select()
            .where(SyncRun.account == self.account, SyncRun.ended_at.is_null())
            .order_by(SyncRun.id)
        ):
            if row.word == GOES_ON and self.context.run is None:
                self.context.resume(row)
                self.goes_on = True
            else:
                SyncRun.update(ended_at=scheduling.utc_now(), error="broken").where(
                    SyncRun.id == row.id
                ).execute()

    def _sync(self) -> None:
        account = self.account
        today, rules = scheduling.utc_now().date(), showing.rules(account)
        if account.listed_at is None or account.listed_at < scheduling.utc_now() - LISTED:
            self._list_calendars()
        destination = account.destination
        if destination is None:
            return
        if destination.calendar_id is None and account.sends:
            make(self.context, destination)
        # a first filling may be long: busy times are read before it, and stay up to date
        if not account.synced_rev:
            mirror.read_due(self.reader)
            channel_upkeep.keep_open(self.context, ("source",))
        if destination.calendar_id is not None:
            self._send(destination)
        self._note_excess(rules)
        text_removal.remove(self.context)
        guests.give_guest_notices(self.context)
        mirror.read_due(self.reader)
        channel_upkeep.keep_open(self.context)
        with self.context.writing():
            double_bookings.end_doubles(account)
            shown_as = {} if self.is_stopped else {"shown_as": rules}
            Account.update(synced_on=today, synced_rev=self.revision, **shown_as).where(
                Account.id == account.id
            ).execute()
        stray_events.clear(self.context, is_searched=search.search(self.context, self.reader.pages))
        text_removal.remove(self.context)  # also from those that this search has found

    def _send(self, destination: RemoteCalendar) -> None:
        """Bring our calendar outside up to date."""
        sender = Sender(self.context, self.reader, self.revision, self.goes_on)
        try:
            sender.send(destination)
        except consequences.CalendarGone:
            if self.account.sends:
                raise
            forget(self.context, destination)
        self.is_stopped = sender.is_stopped

    def _note_excess(self, rules: str) -> None:
        """If less may be shown than before: note the events that no plan writes, to have their text
        removed.
        """
        before = self.account.shown_as
        if before not in ("", rules) and showing.shows_less(before, rules):
            destination = self.account.destination
            if destination is not None and destination.calendar_id is not None:
                text_removal.note_all(self.context, destination)

    def _list_calendars(self) -> None:
        """Renew the list of calendars. A list without an end is left out until the next time: the
        known calendars stay in use.
        """
        try:
            calendar_list.list_calendars(self.account, self.context.provider)
        except Endless as error:
            log.warning("account %s: its calendars cannot be listed: %s", self.account.id, error)
            with self.context.writing():
                self.account.put(listed_at=scheduling.utc_now())

    def _end(self) -> None:
        """Note that there was no error, and store the run."""
        at = scheduling.utc_now()
        if self.account.because in ASKED:
            self.context.begin(0)
        if self.context.run:
            SyncRun.update(ended_at=at, counts=dict(self.context.counts)).where(
                SyncRun.id == self.context.run.id
            ).execute()
        well = {
            "health": "ok",
            "health_word": "",
            "failing_since": None,
            "failures": 0,
            "told": 0,
            "wait_until": None,
            "checked_at": at,
        }
        approved = {"approved": None} if self.is_answered and not self.is_stopped else {}
        if self.account.health == "reconnect":  # the trouble has passed
            Notice.settle(self.account, "reconnect", "over")
        Account.update(**well, **approved).where(
            Account.id == self.account.id, Account.lease == self.context.holder
        ).execute()
        reminders = Notice.open_of(self.account).where(Notice.kind == "sync_reminder")
        if reminders.exists() and Standing(Account.get_by_id(self.account.id)).is_well:
            Notice.settle(self.account, "sync_reminder", "well")
