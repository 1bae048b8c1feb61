"""The settings of a connected account: the direction of sync, which bookings go there and how they
look.

If a change would remove something, here or outside, the page first counts it and asks.
"""

from typing import ClassVar

from flask_login import current_user
from wtforms import BooleanField

from base.catalogue import _, lazy, ngettext
from models import Practitioner, User
from sync.tables import account_names, directions, listed, mappings
from sync.tables.accounts import Account
from views.kit import access
from views.kit.choices import Choice, Several
from views.kit.merging import Merging
from views.sync.words import two_way_words as words

WINDOWS = {
    "30 365": lazy("30 days back, 12 months ahead"),
    "30 183": lazy("30 days back, 6 months ahead"),
    "365 730": lazy("12 months back, 24 months ahead"),
}


class AccountSettingsForm(Merging):
    together: ClassVar = {lazy("Whose bookings go there"): ("others", "covers")}
    not_stored = ("confirm",)

    direction = Choice(
        lazy("Which way"), choices=[(key, name) for key, (name, __) in words.DIRECTIONS.items()]
    )
    edits = Choice(
        lazy("If someone edits a booking there"),
        choices=[(key, name) for key, (name, __) in words.EDITS.items()],
    )
    window = Choice(lazy("Which bookings go there"), choices=list(WINDOWS.items()))
    own = Several(lazy("Which of your calendars go there"), coerce=int, validate_choice=False)
    hide_sensitive = BooleanField(lazy("Hide sensitive information there"))
    lock_sign = BooleanField(lazy("Put a padlock in front of each title"))
    time_off = BooleanField(lazy("Show my time off there as “Away”"))
    others = BooleanField(lazy("Choose calendars of the clinic, in place of my own"))
    covers = Several(lazy("Whose bookings go there"), coerce=int, validate_choice=False)
    confirm = BooleanField(lazy("Yes, go on"))

    def __init__(self, account: Account, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.account = account
        self.losses: list[str] = []  # what saving would remove, once the page has counted it
        own, offered = own_calendars(account.user), coverable()
        self.own.choices = [(row.id, row.venue.name) for row in own]
        self.covers.choices = [(row.id, f"{row.user.name}, {row.venue.name}") for row in offered]
        if len(own) < 2:
            del self.own
        if not current_user.is_manager:
            del self.others, self.covers

    def columns(self) -> dict:
        """The values for the columns of the account."""
        back, ahead = (int(days) for days in self.window.data.split())
        return {
            "direction": self.direction.data,
            "edits": self.edits.data,
            "hide_sensitive": self.hide_sensitive.data,
            "lock_sign": self.lock_sign.data,
            "time_off": self.time_off.data,
            "past_days": back,
            "future_days": ahead,
            "covers": self._covers(),
        }

    def _covers(self) -> list[int] | None:
        """The chosen calendars; None: all of the person's own."""
        if self.others and self.others.data:
            return self.chosen()
        if not self.own:
            return None if self.others else self.account.covers
        return chosen_of(self.own)

    def chosen(self) -> list[int]:
        """The chosen calendars of the clinic that this person may choose."""
        return sorted(set(self.covers.data) & {row.id for row in coverable()})

    def is_complete(self) -> bool:
        """Whether a choice was made in every field that needs one; otherwise the field gets a
        fault.
        """
        others = self.others and self.others.data
        if others and not self.chosen():
            self.fault("covers", _("Choose at least one calendar, or untick the box above them"))
        elif (
            not others and self.own and not self.own.data and directions.sends(self.direction.data)
        ):
            self.fault(
                "own", _("Choose at least one calendar, or let only busy times come from there")
            )
        return not self.errors

    def may_be_lost(self) -> bool:
        """Whether nothing would be removed, or the person agreed to it."""
        if not self.confirm.data:
            self.losses = _losses(self.account, self.columns())
        if self.losses:
            self.fault("confirm", _("Tick that this may go"))
        return not self.losses


def settings_form(account: Account, **kwargs) -> AccountSettingsForm:
    """The form filled with the present settings, or with the request."""
    window, covers = f"{account.past_days} {account.future_days}", account.covers
    own, wide = [row.id for row in own_calendars(account.user)], account.covers_others()
    return AccountSettingsForm(
        account,
        data={
            "direction": account.direction,
            "edits": account.edits,
            "hide_sensitive": account.hide_sensitive,
            "lock_sign": account.lock_sign,
            "time_off": account.time_off,
            "own": sorted(set(covers) & set(own)) if covers and not wide else own,
            "covers": covers if wide else [],
            "others": wide,
            "window": window if window in WINDOWS else "30 365",
        },
        **kwargs,
    )


def own_calendars(user: User) -> list[Practitioner]:
    """The person's calendars that may be sent, closed ones included: they may contain bookings."""
    return list(user.calendars())


def chosen_of(field: Several) -> list[int] | None:
    """The person's own calendars that were chosen; None: all of them."""
    offered = {value for value, *__ in field.choices}
    chosen = sorted(set(field.data) & offered)
    return None if len(chosen) == len(offered) else chosen


def coverable() -> list[Practitioner]:
    """Calendars whose bookings a manager may send to their own calendar: those of people who allow
    it.
    """
    return [one for one in access.calendars() if one.user.sync_allowed]


def _losses(account: Account, columns: dict) -> list[str]:
    """Sentences about the events and busy times that this change removes, outside or here."""
    name = account_names.name_of(account)
    losses = []
    leaves = account.sends and not directions.sends(columns["direction"])
    gone = 0
    if leaves:
        gone = mappings.left_outside(account)
    elif columns["covers"] != account.covers:
        gone = mappings.beyond(account, columns["covers"])
    if gone:
        losses.append(
            ngettext(
                "{count} event of ours is removed from {name}. The booking stays here.",
                "{count} events of ours are removed from {name}. The bookings stay here.",
                gone,
                name=name,
            )
        )
    stops_reading = account.reads and not directions.reads(columns["direction"])
    if stops_reading and (count := listed.count_events(account)):
        losses.append(
            ngettext(
                "{count} event from {name} goes from here and blocks no time any more.",
                "{count} events from {name} go from here and block no time any more.",
                count,
                name=name,
            )
        )
    return losses
