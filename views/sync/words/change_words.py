"""Sentences of the notice about an event of ours that somebody changed outside."""

from base.catalogue import _, lazy
from sync.tables import account_names
from sync.tables.notices import Notice
from views.kit import display

HEADINGS = {  # by kind: the sentence if it was put back, and the sentence if it was not
    "moved": (lazy("Moved in {provider}, put back"), lazy("Moved in {provider}: what is right?")),
    "edited": (
        lazy("Changed in {provider}, put back"),
        lazy("Changed in {provider}: what is right?"),
    ),
    "repeated": (
        lazy("Made to repeat in {provider}, put back"),
        lazy("Made to repeat in {provider}: what is right?"),
    ),
    "deleted": (
        lazy("Removed in {provider}, put back"),
        lazy("Removed in {provider}: what is right?"),
    ),
}
OF_A_BOOKING = {
    "moved": lazy("“{title}”, {when}, was moved there."),
    "edited": lazy("“{title}”, {when}, had its text changed there."),
    "repeated": lazy("“{title}”, {when}, was made to repeat there."),
    "deleted": lazy("“{title}”, {when}, was deleted there, or moved to another calendar."),
}
OF_TIME_OFF = {
    "moved": lazy("“Away”, your time off, was moved there."),
    "edited": lazy("“Away”, your time off, had its text changed there."),
    "repeated": lazy("“Away”, your time off, was made to repeat there."),
    "deleted": lazy("“Away”, your time off, was deleted there, or moved to another calendar."),
}
OF_AN_EVENT = {  # its booking is gone
    "moved": lazy("An event of ours was moved there."),
    "edited": lazy("An event of ours was changed there."),
    "repeated": lazy("An event of ours was made to repeat there."),
    "deleted": lazy("An event of ours was deleted there, or moved to another calendar."),
}


def heading(notice: Notice) -> str:
    """The heading: what changed, in which calendar, and whether it is put back."""
    put_back, open_one = HEADINGS[notice.kind]
    heading_words = put_back if notice.detail.get("is_put_back") else open_one
    return heading_words.format(provider=_provider(notice))


def sentences(notice: Notice, to: str | None) -> list[str]:
    """The sentences: the change, the present state here and there, and what to do. `to`: the new
    time outside, if its booking can follow.
    """
    return [_what_happened(notice, to), _what_stands(notice), *_what_to_do(notice)]


def _what_happened(notice: Notice, to: str | None) -> str:
    booking = notice.booking
    if booking is None:
        return str((OF_TIME_OFF if notice.detail.get("away") else OF_AN_EVENT)[notice.kind])
    title, when = booking.title, display.when(booking)
    if to:
        return _("“{title}”, {when}, was moved there to {to}.", title=title, when=when, to=to)
    return OF_A_BOOKING[notice.kind].format(title=title, when=when)


def _what_stands(notice: Notice) -> str:
    provider, is_away = _provider(notice), notice.detail.get("away")
    if notice.detail.get("is_put_back"):
        if is_away:
            return _(
                "The time off here is as it was, and {provider} shows that again.",
                provider=provider,
            )
        return _(
            "The booking here is as it was, and {provider} shows that again.", provider=provider
        )
    if is_away:
        return _(
            "The time off here is as it was; {provider} shows the change until you decide.",
            provider=provider,
        )
    return _(
        "The booking here is as it was; {provider} shows the change until you decide.",
        provider=provider,
    )


def _what_to_do(notice: Notice) -> list[str]:
    if notice.detail.get("away"):
        return [_("To change it, open it in the calendar here.")]
    if notice.kind == "moved":
        return [_("Was the move meant?")]
    if notice.kind == "deleted" and notice.detail.get("is_put_back"):
        return [
            _(
                "If you moved it to a calendar that Kalends may not look into, remove it there by"
                " hand."
            )
        ]
    if notice.kind == "repeated":
        return [_("A series made there would be a second one; repeat the booking here instead.")]
    return []


def _provider(notice: Notice) -> str:
    return account_names.name_of(notice.account)
