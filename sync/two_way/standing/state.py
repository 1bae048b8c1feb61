"""The state of a connected account, decided only here, from the account's rows. The page, the
banner and the badges, the owner's board, the history and the letters ask for the state and have
their own words.
"""

from collections import Counter
from collections.abc import Iterable

from peewee import Expression, Node, fn

from base import scheduling
from base.remembered import remembered
from models import Booking, Clinic, User
from sync.connect import gateway
from sync.providers import registry
from sync.tables import mappings
from sync.tables.accounts import TWO_WAY, Account, RemoteCalendar
from sync.tables.channels import Channel
from sync.tables.mappings import MappingRow
from sync.tables.notices import Notice
from sync.tables.runs import SyncRun
from sync.tables.unread import CalendarTrouble, UnreadEvent
from sync.two_way.plans import local

from .differences import Differing
from .state_list import QUESTIONS, SEVERITY, State

_HEALTH = {
    "reconnect": State.RECONNECT,
    "calendar_gone": State.CALENDAR_GONE,
    "operator": State.OPERATOR,
}


def barred(account: Account) -> State | None:
    """The reason why nothing can be synced now, whatever is pressed; None: it can."""
    return barred_from(account.kind, account.clinic, account.user)


def barred_from(kind: str, clinic: Clinic, user: User) -> State | None:
    """The reason why this person of the clinic cannot sync with a provider, connected or not; None:
    they can.
    """
    if kind not in gateway.kinds():
        return State.NOT_SET_UP
    if not clinic.allows(registry.row_of(kind).feature):
        return State.NO_PLAN
    return None if user.sync_allowed else State.NOT_ALLOWED


def may_run(account: Account) -> bool:
    """Whether a run only has to wait for its time."""
    return account.is_active and account.is_usable and barred(account) is None


def at_rest_when_asked(account: Account) -> State | None:
    """The state in which no run comes, also if somebody asks for one; None: one comes."""
    found = at_rest(account)
    tries = found == State.RECONNECT and account.wait_until is not None
    return None if tries or found == State.OPERATOR else found


def at_rest(account: Account) -> State | None:
    """The state by the account's own row (with its person and clinic); None: sync goes on. No
    query.
    """
    if account.is_leaving:
        return State.REMOVAL_STUCK if account.is_stuck_leaving else State.REMOVING
    is_known = account.kind in gateway.kinds()
    if account.may_begin and account.listed_at is None and is_known:
        return {"ok": State.LISTING, "reconnect": State.LIST_FAILED}.get(
            account.health, State.LIST_WAITS
        )
    if account.is_off:
        return State.OFF
    if not is_known:
        return State.NOT_SET_UP
    if account.is_naming:
        return State.UNNAMED
    if why := barred(account):
        return why
    return State.PAUSED if account.phase == "paused" else _HEALTH.get(account.health)


class Standing(Differing):
    """An account with its state and the facts for pages; each is queried once, when needed."""

    # mappings that are counted, and calendars whose busy times were read
    IN_STEP = (MappingRow.phase == "synced", MappingRow.wanted != "", ~MappingRow.is_away)
    FAILED = MappingRow.problem.not_in(("", "kept"))
    READS = (RemoteCalendar.role == "source", RemoteCalendar.read_at.is_null(False))

    def __init__(self, account: Account):
        self.account, self.at = account, scheduling.utc_now()

    @remembered
    def state(self) -> State:
        """The account's state now."""
        return at_rest(self.account) or self._at_work()

    def _at_work(self) -> State:
        if self.question:
            return State.ASKS_SOURCE if self.question.kind == "source_empty" else State.ASKS
        if self.gone or self.closed:
            return State.UNREADABLE
        if self.waits:
            return State.WAITING
        if self.run:
            return State.RUNNING
        if self.troubles:
            return State.IN_PART
        if self.is_due:
            return State.DUE
        return State.FAILED if self.failed else State.IN_STEP

    @property
    def severity(self) -> str:
        """ "ok", "busy" (a run is active), "waiting" (or something differs), "trouble" or "off"."""
        differs = self.state == State.IN_STEP and self.differences
        return "waiting" if differs else SEVERITY[self.state]

    @property
    def is_well(self) -> bool:
        """Whether both sides agree, or will after the present run."""
        return self.state in (State.IN_STEP, State.DUE) and not self.failed

    @property
    def waits(self) -> bool:
        """Whether the next run has to wait."""
        return bool(self.account.wait_until and self.account.wait_until > self.at)

    @property
    def is_leased(self) -> bool:
        """Whether a worker has the account's lease now."""
        return bool(self.account.leased_until and self.account.leased_until > self.at)

    @remembered
    def is_due(self) -> bool:
        """Whether a run is active or may begin now."""
        return self.is_leased or Account.due(self.at).where(Account.id == self.account.id).exists()

    @remembered
    def run(self) -> SyncRun | None:
        """The active run, if it has progress to show."""
        mine = SyncRun.select().where(SyncRun.account == self.account)
        row = mine.order_by(SyncRun.id.desc()).first() if self.is_leased else None
        return row if row and row.ended_at is None and row.total else None

    @remembered
    def question(self) -> Notice | None:
        """The open question that a person must answer; a safety stop before all others."""
        return self.most_important(Notice.open_of(self.account).where(Notice.kind.in_(QUESTIONS)))

    @staticmethod
    def most_important(questions: Iterable[Notice]) -> Notice | None:
        """The most important of these open questions."""
        return min(questions, key=lambda row: row.kind == "source_empty", default=None)

    @remembered
    def gone(self) -> list[RemoteCalendar]:
        """Calendars that block time and certainly no longer exist."""
        return list(
            self.account.calendars.where(
                RemoteCalendar.role == "source", RemoteCalendar.gone_since.is_null(False)
            )
        )

    @remembered
    def troubles(self) -> list[CalendarTrouble]:
        """The troubles of its calendars, complete or partial."""
        return CalendarTrouble.open_ones(self.account)

    @property
    def read_in_part(self) -> list[int]:
        """The ids of the calendars some of whose events cannot be read."""
        return [row.calendar_id for row in self.troubles if row.kind == "events"]

    @remembered
    def reasons(self) -> dict[int, Counter[str]]:
        """For each calendar that is read in part: the number of events that cannot be read, by
        reason.
        """
        return UnreadEvent.reasons(self.read_in_part)

    @property
    def closed(self) -> list[CalendarTrouble]:
        """The troubles of whole calendars."""
        return [
            row
            for row in self.troubles
            if row.kind == "calendar" and row.calendar.gone_since is None
        ]

    @remembered
    def due(self) -> int:
        """The number of bookings that should be outside now."""
        bounds = local.window(self.account)
        calendars = [row.id for row in self.account.practitioners()]
        return (
            Booking.select()
            .where(
                Booking.practitioner.in_(calendars),
                Booking.status.in_(list(TWO_WAY)),
                *Booking.touching(bounds.starts_at, bounds.ends_at),
            )
            .count()
        )

    @remembered
    def in_step(self) -> int:
        """The number of bookings whose events outside are up to date, without time off."""
        return MappingRow.select().where(MappingRow.account == self.account, *self.IN_STEP).count()

    @remembered
    def failed(self) -> int:
        """The number of bookings that could not be written."""
        return MappingRow.select().where(MappingRow.account == self.account, self.FAILED).count()

    @remembered
    def reads_times(self) -> bool:
        """Whether busy times that block were ever read there."""
        return bool(self.account.calendars.where(*self.READS).exists())

    @remembered
    def left_outside(self) -> int:
        """The number of events of ours that are still outside by our records."""
        return self.account.stayed or mappings.left_outside(self.account)

    @remembered
    def unsearched(self) -> list[str]:
        """Names of the calendars that could not be searched for events of ours."""
        rows = self.account.calendars.where(RemoteCalendar.search_word != "")
        return [row.name for row in rows.order_by(RemoteCalendar.name)]

    @property
    def has_channels(self) -> bool:
        """Whether the provider reports changes by itself."""
        return registry.row_of(self.account.kind).has_channels

    @property
    def may_be_live(self) -> bool:
        """Whether messages should reach us: the provider sends them, and nothing prevents it."""
        return self.has_channels and self.account.is_active and self.account.is_usable

    @remembered
    def channels(self) -> list[Channel]:
        """The account's open channels, by their end."""
        mine = Channel.account == self.account, Channel.is_open, Channel.expires_at > self.at
        return list(Channel.select().where(*mine).order_by(Channel.expires_at))

    @property
    def is_live(self) -> bool:
        """Whether messages are known to reach us: a first one came, or the provider opens a channel
        only after we answered it. An open channel alone proves nothing, since a firewall may block
        the messages.
        """
        return any(self.proves(channel) for channel in self.channels)

    def proves(self, channel: Channel) -> bool:
        """Whether messages are known to come by this open channel."""
        return registry.row_of(self.account.kind).calls_first or channel.called_at is not None

    @property
    def ended_as_on_trial(self) -> bool:
        """Whether access ended because the operator's application is not published."""
        return self.state == State.RECONNECT and ended_as_on_trial(self.account)


def are_live() -> Expression:
    """The condition of `Standing.is_live` for all channels of a query."""
    sure = [kind for kind, row in registry.PROVIDERS.items() if row.calls_first]
    of_these = Account.select(Account.id).where(Account.kind.in_(sure))
    return Channel.called_at.is_null(False) | Channel.account.in_(of_these)


def ended_as_on_trial(account: Account) -> bool:
    """Whether access ended as long after consent as it does for an unpublished application."""
    days = (account.failing_since - account.consented_at).days if account.failing_since else None
    return registry.row_of(account.kind).ends_as_on_trial(days)


def columns() -> tuple[Node, ...]:
    """The columns that a query selects besides `Account` so that `in_short` needs no
    further query.
    """
    notice = Notice.alias()
    question = notice.select(notice.id).where(
        notice.account == Account.id, notice.settled_at.is_null(), notice.kind.in_(QUESTIONS)
    )
    gone = RemoteCalendar.select(RemoteCalendar.id).where(
        RemoteCalendar.account == Account.id,
        RemoteCalendar.role == "source",
        RemoteCalendar.gone_since.is_null(False),
    )
    closed = (
        CalendarTrouble.select(CalendarTrouble.id)
        .join(RemoteCalendar)
        .where(
            RemoteCalendar.account == Account.id,
            RemoteCalendar.role != "listed",
            CalendarTrouble.kind == "calendar",
            CalendarTrouble.ended_at.is_null(),
        )
    )
    return (
        fn.EXISTS(question).alias("is_asking"),
        (fn.EXISTS(gone) | fn.EXISTS(closed)).alias("is_unreadable"),
    )


def in_short(account: Account) -> State | None:
    """The state of an account that was selected with `columns`; None if it needs no person. No
    query.
    """
    if found := at_rest(account):
        return found
    found_too = vars(account)  # columns of the query only
    if found_too["is_asking"]:
        return State.ASKS
    return State.UNREADABLE if found_too["is_unreadable"] else None


def any_of(accounts: Iterable[Account], states: Iterable[State]) -> list[tuple[Account, State]]:
    """The accounts in one of these states, each with its state. They were
    selected with `columns`.
    """
    known = ((account, in_short(account)) for account in accounts)
    wanted = set(states)
    return [(account, found) for account, found in known if found is not None and found in wanted]
