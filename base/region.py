"""How dates and times of day are written for people, and on which day their week begins.

Each clinic chooses, and each person may choose otherwise; `current` has the choice for the page,
letter or message that is being written. Every time of day that a person reads is written by `clock`
or `wall`, every date by `day_names`. Values for machines (fields of forms, addresses, files, JSON)
stay in ISO 8601.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

from base import scheduling

from .catalogue import _, ngettext

WEEK_STARTS = (0, 5, 6)  # Monday, Saturday, Sunday, counted as `date.weekday` does
ORDERS = ("dmy", "mdy", "ymd")  # of day, month and year
PAPERS = ("a4", "letter")  # paper sizes


@dataclass(frozen=True)
class Region:
    """The region that a clinic chose. `week_start`: one of WEEK_STARTS; `twelve_hours`: 2:30 pm
    rather than 14:30; `date_order`: one of ORDERS; `paper`: one of PAPERS.
    """

    week_start: int = 0
    twelve_hours: bool = False
    date_order: str = "dmy"
    paper: str = "a4"


_DEFAULT = Region()
current: ContextVar[Region] = ContextVar("region", default=_DEFAULT)


def write_for(chosen: Region | None = None) -> None:
    """Write for this region from now on in this thread; None: for the default one."""
    current.set(chosen or _DEFAULT)


@contextmanager
def using(chosen: Region | None) -> Iterator[None]:
    """Write for this region (None: the default one) within the block."""
    token = current.set(chosen or _DEFAULT)
    try:
        yield
    finally:
        current.reset(token)


def clock(at: datetime | time) -> str:
    """The time of day of a local time, on its own clock: 14:05, or 2:05 pm."""
    if not current.get().twelve_hours:
        return f"{at:%H:%M}"
    shown = f"{at.hour % 12 or 12}:{at.minute:02}"
    return _("{clock} am", clock=shown) if at.hour < 12 else _("{clock} pm", clock=shown)


def clock_in(at: datetime, zone: ZoneInfo) -> str:
    """The time of day of an instant in a zone: 14:30; in the hour that comes twice, with the name
    of its time: 01:30 BST.
    """
    return clear_clock(at.astimezone(zone))


def clear_clock(local: datetime) -> str:
    """The time of day of a local time that knows its zone, as `clock_in` writes it."""
    return f"{clock(local)} {local:%Z}" if scheduling.comes_twice(local) else clock(local)


def between(start: datetime, end: datetime) -> str:
    """From and to on one line: 14:05–14:55, or 2:05–2:55 pm where both lie in one half of a day."""
    return _joined(clock(start), clock(end), start.time() < end.time())


def _joined(first: str, last: str, is_later: bool) -> str:
    """Two times of day as one range. `is_later`: the second is later on the same day."""
    if is_later and first[-2:] == last[-2:] and current.get().twelve_hours:
        first = first.rpartition(" ")[0]
    return f"{first}–{last}"


def between_in(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """From and to of instants, in a zone, on one line; 01:30 BST–01:20 GMT when clocks show an hour
    twice.
    """
    local = [at.astimezone(zone) for at in (start, end)]
    if any(map(scheduling.comes_twice, local)):
        return f"{clock_in(start, zone)}–{clock_in(end, zone)}"
    return between(*local)


def wall(text: str) -> str:
    """A stored time of day as the region writes it: "09:00" → 9:00 am. "24:00" is midnight."""
    hour, minute = map(int, text.split(":")[:2])
    if hour == 24 and not current.get().twelve_hours:
        return text
    return clock(time(hour % 24, minute))


def walls(opens: str, closes: str) -> str:
    """From and to, both stored times of day, on one line: 09:00–17:00, or 9:00–11:30 am."""
    return _joined(wall(opens), wall(closes), opens < closes < "24:00")


def hour(number: int) -> str:
    """A whole hour beside a grid, 0 to 24: 14:00, or 2 pm."""
    if not current.get().twelve_hours:
        return f"{number:02}:00"
    shown = number % 12 or 12
    return _("{clock} pm", clock=shown) if 12 <= number < 24 else _("{clock} am", clock=shown)


def length(minutes: int, is_brief: bool = False) -> str:
    """A length in words: 50 minutes (brief: 50 min); from 90 minutes on whole and half hours: 1½
    hours.
    """
    halves, odd = divmod(minutes, 30)
    if minutes >= 90 and not odd:
        hours = str(halves // 2) + ("½" if halves % 2 else "")
        return ngettext("{count} hour", "{count} hours", halves, count=hours)
    if is_brief:
        return _("{count} min", count=minutes)
    return ngettext("{count} minute", "{count} minutes", minutes)


def week_of(day: date) -> list[date]:
    """The seven days of the week that contains `day`, from the day on which weeks begin here."""
    first = day - timedelta(days=(day.weekday() - current.get().week_start) % 7)
    return [first + timedelta(days=n) for n in range(7)]


def weekdays() -> list[int]:
    """The days of a week, 0 for Monday, from the day on which weeks begin here."""
    return [(current.get().week_start + n) % 7 for n in range(7)]


# By country (ISO 3166), from the Common Locale Data Repository (supplemental week data, and the
# most common language's short formats); other countries have the default.
_SATURDAY = "AF,BH,DJ,DZ,EG,IQ,IR,JO,KW,LY,OM,QA,SD,SY"
_SUNDAY = (
    "AG,AS,BD,BR,BS,BT,BW,BZ,CA,CO,DM,DO,ET,GT,GU,HK,HN,ID,IL,IN,JM,JP,KE,KH,KR,LA,MH,MM,MO,MT,MX"
    ",MZ,NI,NP,PA,PE,PH,PK,PR,PT,PY,SA,SG,SV,TH,TT,TW,UM,US,VE,VI,WS,YE,IS,ZA,ZW"
)
_TWELVE_HOURS = (
    "AE,AG,AS,AU,BB,BD,BH,BM,BS,BZ,CA,CO,DJ,DM,DO,DZ,EG,ET,FJ,GH,GM,GU,GY,HK,IN,IQ,JM,JO,KE,KH,KN"
    ",KR,KW,KY,LC,LR,LY,MH,MO,MW,MX,MY,NA,NZ,OM,PA,PG,PH,PK,PR,PS,QA,SA,SB,SD,SG,SL,SO,SS,SY,SZ,TO"
    ",TT,TW,UM,US,VC,VE,VG,VI,VU,WS,YE,ZM"
)
_MONTH_FIRST = "AS,BZ,CA,FM,GU,KY,MH,MP,PH,PR,PW,UM,US,VI"
_YEAR_FIRST = "BT,CN,HU,IR,JP,KP,KR,LT,MN,TW"
_LETTER = "BZ,CA,CL,CO,CR,GT,MX,NI,PA,PH,PR,SV,US,VE,AS,GU,MH,UM,VI"
_CURRENCIES = {
    "AUD": "AU,CC,CX,KI,NF,NR,TV",
    "CAD": "CA",
    "CHF": "CH,LI",
    "CZK": "CZ",
    "DKK": "DK,FO,GL",
    "EUR": (
        "AD,AT,AX,BE,BG,BL,CY,DE,EE,ES,FI,FR,GF,GP,GR,HR,IE,IT,LT,LU,LV,MC,ME,MF,MQ,MT,NL,PM,PT,RE"
        ",SI,SK,SM,VA,XK,YT"
    ),
    "GBP": "GB,GG,GI,IM,JE",
    "JPY": "JP",
    "NOK": "NO,SJ",
    "NZD": "NZ,CK,NU,PN,TK",
    "PLN": "PL",
    "SEK": "SE",
    "USD": "AS,EC,FM,GU,MH,MP,PR,PW,SV,TL,UM,US,VI",
}


def guess(zone_name: str) -> Region:
    """The usual region in the country of an IANA time zone, or the default for a zone without a
    country.
    """
    country = country_of(zone_name)
    week_start = 5 if country in _SATURDAY.split(",") else 6 if country in _SUNDAY.split(",") else 0
    order = "dmy"
    if country in _MONTH_FIRST.split(","):
        order = "mdy"
    elif country in _YEAR_FIRST.split(","):
        order = "ymd"
    paper = "letter" if country in _LETTER.split(",") else "a4"
    return Region(week_start, country in _TWELVE_HOURS.split(","), order, paper)


def currency(zone_name: str) -> str | None:
    """The currency (ISO 4217) of the zone's country, if a clinic may choose it."""
    country = country_of(zone_name)
    return next((code for code, all_ in _CURRENCIES.items() if country in all_.split(",")), None)


def country_of(zone_name: str) -> str:
    """The country (ISO 3166) that a zone lies in, by the time zone database; "" for none."""
    return _countries().get(zone_name, "")


@cache
def _countries() -> dict[str, str]:
    """`zone.tab` of the time zone database: country, place, zone, remarks."""
    table = resources.files("tzdata.zoneinfo").joinpath("zone.tab").read_text("utf-8")
    rows = (line.split("\t") for line in table.splitlines() if line and line[0] != "#")
    return {row[2]: row[0] for row in rows}
