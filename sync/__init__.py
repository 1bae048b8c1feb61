"""Private feeds and two-way sync.

A booking outside is an *event*, whose text is its *face*. One function composes the face
(`events/face.py`) for private feeds, two-way sync and the preview; no other code composes text for
outside.

`feeds/` answers a feed in three steps: the check (`feed.py`, one query: may it be read, and at
which revision?); the finished body, cached by ETag; without one, bookings → faces (`shown.py`) →
VEVENT text (`ical.py`, with zones from `vtimezone.py`).

`two_way/` keeps calendars at providers up to date: `plans/plan.py` decides, `run.py` carries it
out. Its tables are in `tables/`, the providers in `providers/`, signing in to them in `connect/`.
"""
