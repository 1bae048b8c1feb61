"""The states that an account can be in, and which of them mean the same for a page or a letter."""

from enum import StrEnum


class State(StrEnum):
    """The states of an account, in order of importance: the first that applies is the account's
    state.
    """

    REMOVAL_STUCK = "removal_stuck"  # our events could not be deleted; a person may end it
    REMOVING = "removing"
    NOT_SET_UP = "not_set_up"  # the provider was removed from the settings
    LISTING = "listing"  # its calendars are being listed for the first time
    LIST_FAILED = "list_failed"  # and the person must connect once more
    LIST_WAITS = "list_waits"
    OFF = "off"
    UNNAMED = "unnamed"  # its calendar has no name yet, so nothing has begun
    NO_PLAN = "no_plan"  # the clinic's plan does not include this provider
    NOT_ALLOWED = "not_allowed"  # the person does not allow bookings outside
    PAUSED = "paused"
    RECONNECT = "reconnect"
    CALENDAR_GONE = "calendar_gone"  # our calendar was deleted outside
    OPERATOR = "operator"  # the operator of Kalends must act
    ASKS = "asks"  # a safety stop: a person must decide
    ASKS_SOURCE = "asks_source"  # a calendar is suddenly empty: a person must decide
    UNREADABLE = "unreadable"  # a calendar that blocks time is gone, or cannot be read
    WAITING = "waiting"  # until a time, without anybody's help
    RUNNING = "running"
    IN_PART = "in_part"  # some events of a calendar cannot be read
    DUE = "due"  # to be run now, or running
    FAILED = "failed"  # some bookings could not be written
    IN_STEP = "in_step"


SEVERITY = {
    State.REMOVAL_STUCK: "trouble",
    State.REMOVING: "waiting",
    State.NOT_SET_UP: "waiting",
    State.LISTING: "busy",
    State.LIST_FAILED: "trouble",
    State.LIST_WAITS: "waiting",
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
QUESTIONS = ("deletes", "empty", "source_empty")  # kinds of notices that need yes or no
# nothing is synced, and no notice says so: the badge of the menu counts these
UNTOLD = (
    State.REMOVAL_STUCK,
    State.NOT_SET_UP,
    State.LIST_FAILED,
    State.NO_PLAN,
    State.UNREADABLE,
)
# states above the calendar page, which shows less than a person expects
BANNER = (
    State.NOT_SET_UP,
    State.NO_PLAN,
    State.RECONNECT,
    State.CALENDAR_GONE,
    State.UNREADABLE,
)
STOPPED = (  # nothing is sent or read
    State.NOT_SET_UP,
    State.OFF,
    State.NO_PLAN,
    State.NOT_ALLOWED,
    State.PAUSED,
    State.RECONNECT,
    State.CALENDAR_GONE,
)
STAYS = tuple(one for one in STOPPED if one != State.CALENDAR_GONE)  # with events of ours outside
LETTER = (State.RECONNECT, State.CALENDAR_GONE, State.OPERATOR)  # the person gets letters
