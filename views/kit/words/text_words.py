"""Sentences about text messages: waiting, sent, or refused and why."""

from zoneinfo import ZoneInfo

from base.catalogue import _, lazy
from base.outgoing.exchange import SENTENCES
from base.tables import texts
from base.tables.outbox import Letter
from letters import queues
from letters.queues import Queue
from models import Clinic

from .. import display

_WHY = {
    "restored": lazy("A backup was restored, and it may have gone out before."),
    "fault": lazy("Something went wrong on our side."),
    "sealed": lazy("This server cannot read the address any more. Set it again in Settings."),
    "301": lazy("The service has moved. Write its new address in Settings."),
    "401": lazy("The service refuses our signature. Make a new secret and give it to the service."),
    "404": lazy("The service is not there any more. Check its address in Settings."),
    "400": lazy("The service does not accept this message."),
    "429": lazy("The service wants fewer messages. The rest goes later."),
}
_LIKE = {"403": "401", "410": "404", "413": "400", "422": "400"} | dict.fromkeys(
    ("302", "303", "307", "308"), "301"
)


def why(word: str) -> str:
    """The reason why a message was not sent, and what to do, in a sentence."""
    word = _LIKE.get(word, word)
    if sentence := _WHY.get(word) or SENTENCES.get(word):
        return str(sentence)
    return _("The service answered {word}.", word=word)


def last_trial(clinic: Clinic) -> tuple[str, str] | None:
    """(tone, sentence) about the last trial message; None if there is none."""
    row = queues.newest(clinic, texts.TRIAL)
    if row is None:
        return None
    if row.phase == "sent":
        return "good", _("The service accepted your trial message {ago}.", ago=ago(row))
    if row.phase == "waiting" and not row.failing_since:
        return "info", _("Your trial message is on its way. Reload this page in a moment.")
    if row.phase == "waiting":
        return "warning", _("Your trial message is not accepted yet. {why}", why=why(row.word))
    return "warning", _("Your trial message was not accepted. {why}", why=why(row.word))


def ago(row: Letter) -> str:
    """The time since the message was sent or failed, in words."""
    return display.ago(row.ended_at or row.created_at)


def sent_and_waiting(queue: Queue) -> str:
    """How many letters of a queue were sent, and how many wait."""
    return _(
        "{sent} sent within a day, {count} waiting.",
        sent=f"{queue.sent:,}",
        count=f"{queue.waiting:,}",
    )


def state(queue: Queue, zone: ZoneInfo) -> tuple[str, str, str]:
    """(badge, state, more) about the clinic's text messages."""
    counted = sent_and_waiting(queue)
    if queue.stuck_since:
        since = display.moment(queue.stuck_since, zone)
        sentence = _(
            "Text messages cannot be sent since {since}. {why} {counted}",
            since=since,
            why=why(queue.stuck_word),
            counted=counted,
        )
        return "trouble", _("Not working"), sentence
    if queue.failed:
        sentence = _(
            "{number} not accepted within the last week. {why} {counted}",
            number=f"{queue.failed:,}",
            why=why(queue.failed_word),
            counted=counted,
        )
        return "waiting", _("Not all accepted"), sentence
    return "ok", _("Set up"), counted
