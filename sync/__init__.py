"""What leaves the clinic's calendar, and how.

A booking shows itself outside as an *event*, whose text is its *face*. One function decides the
face (`face.py`), for
private feeds, two-way sync and the preview alike; nothing else composes outside text. A private
link answers (`wsgi.py`) from
three layers: the check (`feed.py`: one query: may this link be read, and which revision is it?),
the finished body kept by
ETag, and, when that is missing, bookings → faces (`shown.py`) → VEVENT text (`ical.py`, with zones
from `vtimezone.py`).
`readers.py` counts who read it. The database is the truth; a job (`jobs.py`) is only a nudge,
carries ids alone, and is safe
to run twice or never.
"""
