"""Which open notices wait for a person, and which count as one: many double bookings of a calendar,
and many changes in an account that were put back.
"""

from collections.abc import Iterable, Sequence

from sync.tables.notices import CHANGES, Notice

ONE_BY_ONE = 3  # up to so many stay single; more are one


def to_decide(notices: Iterable[Notice]) -> int:
    """The number of open notices that wait for a person. A change that was put back does not wait.
    A reminder by a colleague counts only if no other notice waits.
    """
    found = groups(notices)
    waiting = sum(
        1 if is_crowd(rows) else len(rows)
        for rows in found
        if rows[0].kind != "sync_reminder" and not all(map(is_news, rows))
    )
    return waiting or any(rows[0].kind == "sync_reminder" for rows in found)


def is_news(notice: Notice) -> bool:
    """Whether the notice only reports something, so that there is nothing to decide."""
    return notice.kind in ("edited", "repeated") and is_put_back(notice)


def is_put_back(notice: Notice) -> bool:
    """Whether the notice reports a change outside that was put back."""
    return notice.kind in CHANGES and bool(notice.detail.get("is_put_back"))


def groups(notices: Iterable[Notice]) -> list[list[Notice]]:
    """The notices, grouped: double bookings by calendar, changes that were put back by account. All
    other notices, and few changes, stay single.
    """
    found: dict[str, list[Notice]] = {}
    for notice in notices:
        found.setdefault(_group(notice), []).append(notice)
    grouped: list[list[Notice]] = []
    for rows in found.values():
        is_few = rows[0].kind in CHANGES and not is_crowd(rows)
        grouped += [[row] for row in rows] if is_few else [rows]
    return grouped


def _group(notice: Notice) -> str:
    if notice.kind == "double":
        return f"doubles {notice.calendar_id}"
    if is_put_back(notice):
        return f"back {notice.account_id}"
    return f"notice {notice.id}"


def is_crowd(rows: Sequence[Notice]) -> bool:
    """Whether a group counts as one notice."""
    if rows[0].kind in CHANGES:
        return len(rows) > ONE_BY_ONE
    return rows[0].kind == "double" and (
        len(rows) > ONE_BY_ONE or any(row.booking_id is None for row in rows)
    )
