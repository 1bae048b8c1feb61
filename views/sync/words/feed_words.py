"""How the private links of a person stand, on the Calendar sync page. It only words facts."""

from collections.abc import Sequence
from dataclasses import dataclass

from base.catalogue import _, ngettext
from models import Feed, User
from sync.feeds import owned
from views.kit import display
from views.kit.words import sync_words


@dataclass(frozen=True)
class FeedsState:
    """How feeds stand, in words. `tone`, `icon` and `name` are empty if nothing needs to be
    noticed.
    """

    sentence: str
    name: str = ""
    tone: str = ""
    icon: str = ""


def feeds_state(user: User, feeds: Sequence[Feed]) -> FeedsState:
    """The state of these feeds of the person, with their readers at hand; none of them is
    stopped.
    """
    answering = owned.answering(user, feeds)
    if (why_not := user.why_no_feeds()) or (feeds and not answering):
        name, sentence = _off(user, why_not, len(feeds))
        return FeedsState(sentence, name, "warning", "pause")
    if not feeds:
        return FeedsState(
            _(
                "You have no private link yet. Make one, add it to your calendar app, and your"
                " bookings appear beside everything else."
            )
        )
    counted = sync_words.count(len(answering), "link")
    if (last := owned.last_read(answering)) is None:
        sentence = ngettext(
            "Add it to a calendar app; the first time one looks, it says so here.",
            "Add them to a calendar app; the first time one looks, it says so here.",
            len(answering),
        )
        return FeedsState(sentence, _("{feeds}, not read yet.", feeds=counted), "warning", "clock")
    feed, read = last
    sentence = _(
        "Last read {ago} by {app} (“{name}”).",
        ago=display.ago(read.last_at),
        app=read.family,
        name=feed.name,
    )
    name = _("{feeds}, ready whenever an app looks.", feeds=counted)
    return FeedsState(sentence, name, "good", "check")


def _off(user: User, why_not: str | None, count: int) -> tuple[str, str]:
    """A name and a sentence for feeds that are not answered. `count`: how many there are."""
    if why_not == "plan":
        name = _("Your clinic’s plan has no private links.")
        if user.clinic.empty_when_stopped:
            return name, _(
                "They give an empty calendar for 30 days, then nothing; your bookings here are"
                " safe."
            )
        return name, _("They stopped answering; your bookings here are safe.")
    if why_not == "opt_in":
        if count:
            return _("Off."), _(
                "Tick the box at the top of this page, and your links answer again."
            )
        return _("Off."), _("Tick the box at the top of this page, and you can make a link.")
    return _("Off: needs the role of a manager."), ngettext(
        "Your link shows calendars of others, and you are no manager now.",
        "Your links show calendars of others, and you are no manager now.",
        count,
    )
