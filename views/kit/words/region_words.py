"""The choices for a region's formats, for forms: (value, words)."""

from base import day_names
from base.catalogue import lazy

WEEKS = [(n, day_names.WEEKDAYS[n]) for n in (0, 6, 5)]
TIMES = [(0, "14:30"), (1, lazy("2:30 pm"))]
DATES = [
    ("dmy", lazy("20 November 2026")),
    ("mdy", lazy("November 20, 2026")),
    ("ymd", lazy("2026 November 20")),
]
PAPERS = [("a4", "A4"), ("letter", lazy("US Letter"))]
