"""Ways out of the clinic's calendar: private feeds and two-way sync.

A booking shows itself outside as an *event*, whose text is its *face*. One function decides the
face (`events/face.py`), for private feeds, two-way sync and the preview alike; nothing else
composes outside text.

`feeds/` answers feeds from three layers: the check (`feed.py`, one query: may this one be read, and
which revision is it?), the finished body kept by ETag, and, when that is missing, bookings → faces
(`shown.py`) → VEVENT text (`ical.py`, with zones from `vtimezone.py`).

`two_way/` keeps calendars at providers in step: `plan.py` decides, `run.py` carries out. Its tables
are in `tables/`, what a provider is in `providers/`, signing in there in `connect/`.
"""
