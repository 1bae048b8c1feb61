"""The reasons why a time is not free: the conflicts of each calendar, by the rules of free
times.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Blueprint, render_template, request, url_for

from base import region, scheduling
from base.catalogue import _, lazy
from free_times import own_terms, why
from free_times.finding import Wish
from free_times.online import holds
from free_times.rules import OnlineSettings
from free_times.why import Reason
from models import Practitioner
from views.kit import access
from views.kit.access import login_required
from views.kit.forms import Clock, Day

from . import next_free, why_words
from .booking_form.fields import bookable
from .booking_form.times import pass_of

blueprint = Blueprint("why", __name__)
MOST = 30  # calendars in one answer


class WhyForm(next_free.WishForm):
    """The search, and the time that is asked about. Sent by GET: it names no client."""

    when = part = None
    day = Day(lazy("Day"))
    at = Clock(lazy("Time"))

    def validate(self, **kwargs) -> bool:
        super().validate(**kwargs)
        if not self.day.data and not self.day.errors:
            self.fault("day", _("Write the day"))
        if not self.at.data and not self.at.errors:
            self.fault("at", _("Write the time"))
        return not self.errors


@dataclass(frozen=True)
class WhyAnswer:
    """The answer for one calendar: its conflicts, or none. `url`: the booking form with the time. A
    start between two steps is free, though not listed.
    """

    name: str
    times: str
    url: str
    is_free: bool
    reasons: list[tuple[str, str]]  # a sentence, and the address that shows it ("": none)
    online: list[str]  # whether clients can book it themselves, and why not


@blueprint.get("/")
@login_required
def show():
    calendars = bookable()
    if not calendars:
        return render_template("next_free/why.html", form=None)
    if not {"day", "at"} & set(request.args):
        return render_template("next_free/why.html", form=_unasked(calendars), answers=None)
    form = WhyForm(calendars, formdata=request.args)
    if not form.validate():
        return render_template("next_free/why.html", form=form, answers=None), 422
    return render_template("next_free/why.html", form=form, **_answers(form))


def _unasked(calendars: list[Practitioner]) -> WhyForm:
    """The form before the person asked about a time."""
    if request.args:
        return WhyForm(calendars, formdata=request.args)
    today = scheduling.local_day(scheduling.utc_now(), calendars[0].zone)
    return WhyForm(calendars, formdata=None, data=next_free.usual(calendars) | {"day": today})


def _answers(form: WhyForm) -> dict:
    wishes, online = form.wishes(), _online_wishes(form)
    by_time: dict[tuple[datetime, str | None], list[Wish]] = defaultdict(list)
    for wish in wishes[:MOST]:
        by_time[scheduling.instant(form.day.data, form.at.data, wish.calendar.zone)].append(wish)
    found, grid_step, now = {}, access.clinic().step_minutes, scheduling.utc_now()
    for (at, odd), asked in by_time.items():
        by_clients = [online[one.calendar.id] for one in asked if one.calendar.id in online]
        reasons = why.reasons([*asked, *by_clients], at, grid_step, earliest=now)
        ends = at + timedelta(minutes=max(one.minutes for one in asked))
        held = holds.touching({one.calendar.user_id for one in asked}, at, ends)
        theirs = {
            one.calendar.id: found
            for one, found in zip(by_clients, reasons[len(asked) :], strict=True)
        }
        for wish, reason in zip(asked, reasons[: len(asked)], strict=True):
            own = theirs.get(wish.calendar.id)
            for_clients = why_words.online(
                own, reason, wish, form.day.data, bool(online), held[wish.calendar.user_id]
            )
            found[wish.calendar.id] = _answer(wish, at, odd, reason, for_clients, form)
    return {
        "answers": [found[wish.calendar.id] for wish in wishes[:MOST]],
        "nobody": not wishes,
        "more": max(0, len(wishes) - MOST),
    }


def _online_wishes(form: WhyForm) -> dict[int, Wish]:
    """By calendar, the wish as clients would book it online; empty if they cannot book the service,
    or not with that length.
    """
    settings, service = OnlineSettings.of(access.clinic()), form.chosen_service
    if not settings.is_on or service is None or form.minutes.data is not None:
        return {}
    return {
        terms.calendar.id: Wish.online(terms, service, settings)
        for terms in own_terms.online_terms(service)
    }


def _answer(
    wish: Wish,
    at: datetime,
    odd: str | None,
    reasons: list[Reason],
    online: list[str],
    form: WhyForm,
) -> WhyAnswer:
    zone, day = wish.calendar.zone, form.day.data
    sentences = [
        (
            why_words.sentence(one, wish, day),
            url_for("bookings.show", booking_id=one.booking.id) if one.booking else "",
        )
        for one in reasons
    ]
    is_free = all(one.kind == "step" for one in reasons) and odd != "gap"
    if odd == "gap":
        sentences = [
            (
                _(
                    "{at} does not exist that day: the clocks skip it.",
                    at=region.clock(form.at.data),
                ),
                "",
            )
        ]
    times = region.between_in(at, at + timedelta(minutes=wish.minutes), zone)
    local = at.astimezone(zone)
    url = url_for(
        "bookings.new",
        calendar=wish.calendar.id,
        day=local.date().isoformat(),
        service=form.service.data or None,
        minutes=wish.minutes,
        hour_pass=pass_of(local) or None,
        **{"from": f"{local:%H:%M}"},
    )
    name = f"{wish.calendar.user.name}, {wish.calendar.venue.name}"
    return WhyAnswer(name, times, url, is_free, sentences, [] if odd == "gap" else online)
