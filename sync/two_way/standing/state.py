"""The state of a connected account, decided here alone, from its rows. The page, the banner and the
badges, the owner's board, the history and the letters ask for it and word it.
"""

from collections.abc import Iterable
from enum import StrEnum
from functools import cached_property

from peewee import Expression, Node, fn

from base import scheduling
from models import Booking, Clinic, User
from sync.connect import connections
from sync.providers import registry
from sync.tables.accounts import TWO_WAY, Account, RemoteCalendar
from sync.tables.channels import Channel
from sync.tables.mappings import MappingRow
from sync.tables.notices import Notice
from sync.tables.runs import SyncRun
from sync.tables.unread import CalendarTrouble
from sync.two_way.plans import local


class State(StrEnum):
    """In order of importance: the first that applies is the account's state."""

    REMOVAL_STUCK = "removal_stuck"  # our events could not be taken away; a person may end it
    REMOVING = "removing"
    NOT_SET_UP = "not_set_up"  # the provider was taken out of the settings
    LOOKING = "looking"  # its calendars are asked for, for the first time
    LOOK_FAILED = "look_failed"  # and the person must connect once more
    LOOK_WAITS = "look_waits"
    OFF = "off"
    UNNAMED = "unnamed"  # its calendar has no name yet, so nothing has begun
    NO_PLAN = "no_plan"  # the clinic's plan has not this provider
    NOT_ALLOWED = "not_allowed"  # the person lets no bookings leave
    PAUSED = "paused"
    RECONNECT = "reconnect"
    CALENDAR_GONE = "calendar_gone"  # ours was deleted outside
    OPERATOR = "operator"  # whoever runs Kalends must act
    ASKS = "asks"  # a safety stop: a person must decide
    ASKS_SOURCE = "asks_source"  # a calendar is suddenly empty: a person must decide
    UNREADABLE = "unreadable"  # a calendar that blocks time is gone, or cannot be read
    WAITING = "waiting"  # until a time, by itself
    RUNNING = "running"
    IN_PART = "in_part"  # some events of a calendar cannot be read
    DUE = "due"  # to be looked at now, or being looked at
    FAILED = "failed"  # some bookings could not be written
    IN_STEP = "in_step"


SEVERITY = {
    State.REMOVAL_STUCK: "trouble",
    State.REMOVING: "waiting",
    State.NOT_SET_UP: "waiting",
    State.LOOKING: "busy",
    State.LOOK_FAILED: "trouble",
    State.LOOK_WAITS: "waiting",
    State.OFF: "off",
    State.UNNAMED: "waiting",
    State.NO_PLAN: "waiting",
    State.NOT_ALLOWED: "off",
    State.PAUSED: "off",
    State.RECONNECT: "trouble",
    State.CALENDAR_GONE: "trouble",
    State.OPERATOR: "trouble",
    State.ASKS: "trouble",
    State.ASKS_SOURCE: "trouble",
    State.UNREADABLE: "waiting",
    State.WAITING: "waiting",
    State.RUNNING: "busy",
    State.IN_PART: "waiting",
    State.DUE: "busy",
    State.FAILED: "waiting",
    State.IN_STEP: "ok",
}
QUESTIONS = ("deletes", "empty", "source_empty")  # kinds of notices: a person must say yes or no
# nothing is carried, and no notice says so: the badge of the menu counts these
UNTOLD = (
    State.REMOVAL_STUCK,
    State.NOT_SET_UP,
    State.LOOK_FAILED,
    State.NO_PLAN,
    State.UNREADABLE,
)
# told above the calendar, since it shows less than a person expects
BANNER = (
    State.NOT_SET_UP,
    State.NO_PLAN,
    State.RECONNECT,
    State.CALENDAR_GONE,
    State.UNREADABLE,
)
STOPPED = (  # nothing goes out, and nothing comes in
    State.NOT_SET_UP,
    State.OFF,
    State.NO_PLAN,
    State.NOT_ALLOWED,
    State.PAUSED,
    State.RECONNECT,
    State.CALENDAR_GONE,
)
LETTER = (State.RECONNECT, State.CALENDAR_GONE, State.OPERATOR)  # written about, step by step
_HEALTH = {
    "reconnect": State.RECONNECT,
    "calendar_gone": State.CALENDAR_GONE,
    "operator": State.OPERATOR,
}


def barred(account: Account) -> State | None:
    """Why nothing can be synced now, whatever is pressed; None: it can."""
    return barred_from(account.kind, account.clinic, account.user)


def barred_from(kind: str, clinic: Clinic, user: User) -> State | None:
    """Why this person of the clinic cannot sync with a provider, connected or not; None: they
    can.
    """
    if kind not in connections.kinds():
        return State.NOT_SET_UP
    if not clinic.allows(kind):
        return State.NO_PLAN
    return None if user.sync_allowed else State.NOT_ALLOWED


def at_rest(account: Account) -> State | None:
    """The state that the account's own row (with its person and clinic) tells; None where sync goes
    on, and other rows count. No query.
    """
    if account.phase == "leaving":
        return State.REMOVAL_STUCK if account.is_stuck_leaving else State.REMOVING
    is_known = account.kind in connections.kinds()
    if account.phase in ("naming", "off") and account.listed_at is None and is_known:
        return {"ok": State.LOOKING, "reconnect": State.LOOK_FAILED}.get(
            account.health, State.LOOK_WAITS
        )
    if account.phase == "off":
        return State.OFF
    if not is_known:
        return State.NOT_SET_UP
    if account.phase == "naming":
        return State.UNNAMED
    if why := barred(account):
        return why
    return State.PAUSED if account.phase == "paused" else _HEALTH.get(account.health)


class Standing:
    """An account with its state and the facts that pages word; each is queried once, when first
    needed.
    """

    def __init__(self, account: Account):
        self.account, self.at = account, scheduling.utc_now()

    @cached_property
    def state(self) -> State:
        """How the account stands now."""
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
        """ "ok", "busy" (something moves), "waiting", "trouble" or "off"."""
        return SEVERITY[self.state]

    @property
    def is_well(self) -> bool:
        """Whether all is in step, or about to be: so it can be asked during a run."""
        return self.state in (State.IN_STEP, State.DUE) and not self.failed

    @property
    def waits(self) -> bool:
        """Whether the next run has to wait."""
        return bool(self.account.wait_until and self.account.wait_until > self.at)

    @property
    def is_leased(self) -> bool:
        """Whether a worker has its lease now."""
        return bool(self.account.leased_until and self.account.leased_until > self.at)

    @cached_property
    def is_due(self) -> bool:
        """Whether a run is under way or may begin now."""
        return self.is_leased or Account.due(self.at).where(Account.id == self.account.id).exists()

    @cached_property
    def run(self) -> SyncRun | None:
        """The run under way, if it has progress to show."""
        mine = SyncRun.select().where(SyncRun.account == self.account)
        row = mine.order_by(SyncRun.id.desc()).first() if self.is_leased else None
        return row if row and row.ended_at is None and row.total else None

    @cached_property
    def question(self) -> Notice | None:
        """What a person must answer with yes or no; a safety stop before anything else."""
        rows = list(Notice.open_of(self.account).where(Notice.kind.in_(QUESTIONS)))
        return min(rows, key=lambda row: row.kind == "source_empty", default=None)

    @cached_property
    def gone(self) -> list[RemoteCalendar]:
        """Calendars that block time and are certainly gone."""
        return list(
            self.account.calendars.where(
                RemoteCalendar.role == "source", RemoteCalendar.gone_since.is_null(False)
            )
        )

    @cached_property
    def troubles(self) -> list[CalendarTrouble]:
        """What cannot be read of its calendars, as a whole or in part."""
        return CalendarTrouble.open_ones(self.account)

    @property
    def closed(self) -> list[CalendarTrouble]:
        """The troubles of whole calendars."""
        return [
            row
            for row in self.troubles
            if row.kind == "calendar" and row.calendar.gone_since is None
        ]

    @cached_property
    def due(self) -> int:
        """How many bookings should be outside now."""
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

    @cached_property
    def in_step(self) -> int:
        """How many bookings are outside as they should be. Time off is not counted."""
        mine = (
            MappingRow.account == self.account,
            MappingRow.phase == "synced",
            MappingRow.wanted != "",
        )
        return MappingRow.select().where(*mine, ~MappingRow.is_away).count()

    @cached_property
    def failed(self) -> int:
        """How many bookings could not be written."""
        mine = MappingRow.account == self.account, MappingRow.problem.not_in(("", "kept"))
        return MappingRow.select().where(*mine).count()

    @property
    def has_channels(self) -> bool:
        """Whether the provider reports changes by itself."""
        return registry.of(self.account.kind).has_channels

    @cached_property
    def channels(self) -> list[Channel]:
        """Its open channels, the one that ends first before the others."""
        mine = Channel.account == self.account, Channel.is_open, Channel.expires_at > self.at
        return list(Channel.select().where(*mine).order_by(Channel.expires_at))

    @property
    def is_live(self) -> bool:
        """Whether messages are known to reach us: a first one came, or the provider opens no
        channel before we answered it. A firewall blocks that first message, so that an open channel
        alone proves nothing.
        """
        calls_first = registry.of(self.account.kind).calls_first
        return any(calls_first or channel.called_at for channel in self.channels)

    @property
    def ended_as_on_trial(self) -> bool:
        """Whether access ended since the operator's application is not published."""
        return self.state == State.RECONNECT and ended_as_on_trial(self.account)


def are_live() -> Expression:
    """`Standing.is_live`, for all channels of a query."""
    sure = [kind for kind, row in registry.PROVIDERS.items() if row.calls_first]
    of_these = Account.select(Account.id).where(Account.kind.in_(sure))
    return Channel.called_at.is_null(False) | Channel.account.in_(of_these)


def ended_as_on_trial(account: Account) -> bool:
    """Whether access ended as long after consent as it does while an application is unpublished."""
    days = (account.failing_since - account.consented_at).days if account.failing_since else None
    return registry.of(account.kind).ends_as_on_trial(days)


def columns() -> tuple[Node, ...]:
    """What a query selects beside `Account` so that `in_short` needs no further query."""
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
    """The state of an account that was selected with `columns`; None where nothing of it needs a
    person. For what stands on every page, in one query.
    """
    if found := at_rest(account):
        return found
    found_too = vars(account)  # columns of the query alone
    if found_too["is_asking"]:
        return State.ASKS
    return State.UNREADABLE if found_too["is_unreadable"] else None


def any_of(accounts: Iterable[Account], states: Iterable[State]) -> list[tuple[Account, State]]:
    """Those accounts with one of these states, each with its state; selected with `columns`."""
    known = ((account, in_short(account)) for account in accounts)
    wanted = set(states)
    return [(account, found) for account, found in known if found is not None and found in wanted]
