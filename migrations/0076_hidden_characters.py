"""One-line texts of earlier versions without the characters that forms refuse today: those that
nobody sees, those that turn the direction of text, and line ends.

A text that would be empty, or an internal ID that another client has, stays as it is. A name that
is in use gets a number. Revisions grow, so feeds and calendars outside show what is stored.
"""

import json
import re
import time
import unicodedata

PORTION = 1000  # rows in memory at once
# Table, columns with their longest text, and whether the first of them is unique in its clinic.
TEXTS = (
    ("clinic", {"name": 120, "contact": 200}, False),
    ("venue", {"name": 120, "address": 300}, True),
    ("service", {"name": 120}, True),
    ("user", {"name": 120}, False),
    ("feed", {"name": 80}, False),
    ("patient", {"first_name": 80, "last_name": 80, "internal_id": 20, "phone": 40}, False),
)
SHOWN = ("clinic", "venue", "service", "user")  # rows that keep their earlier values in `before`
OF_NAMES = ("initials", "first_name", "first_name_last_initial", "full_name")

_HIDDEN = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, 0xFFFE, 0xFFFF}
_SEEN_SIGNS = {*range(0x0600, 0x0606), 0x06DD, 0x070F, 0x08E2}
_MARKS, _JOINERS = {0x200E, 0x200F, 0x061C}, {0x200C, 0x200D}
_JOINING = re.compile(
    "[\u0600-\u0fff\u1000-\u109f\u1780-\u18af\ua840-\ua87f\ufb50-\ufdff\ufe70-\ufefc]"
)
_LINE_ENDS = re.compile("\r\n|[\t\n\r\v\f\x85\u2028\u2029]")


def up(migrator, db):
    changed = set()
    for table, columns, is_unique in TEXTS:
        for row in _spoiled(db, table, columns):
            if _mend(db, table, columns, is_unique, *row):
                changed.add(row[1])
    for clinic in sorted(changed):
        _grow(db, clinic)


def down(migrator, db):
    """The characters stay removed."""


def _spoiled(db, table, columns):
    """The rows with a text that changes: id, clinic, and the values. Read in portions."""
    clinic = "id" if table == "clinic" else "clinic_id"
    names, last = ", ".join(columns), 0
    while True:
        rows = db.execute_sql(
            f'SELECT id, {clinic}, {names} FROM "{table}" WHERE id > {db.param}'
            f" ORDER BY id LIMIT {PORTION}",
            (last,),
        ).fetchall()
        for row_id, of, *values in rows:
            if any(value and mended(value) != value for value in values):
                yield row_id, of, values
        if len(rows) < PORTION:
            return
        last = rows[-1][0]


def _mend(db, table, columns, is_unique, row_id, clinic, values):
    """Store the texts without these characters. Returns whether any changed."""
    new = {}
    for (name, limit), value in zip(columns.items(), values, strict=True):
        better = mended(value or "")
        if not better or better == value:
            continue
        if name == "internal_id" and _is_used(db, table, "LOWER(internal_id)", clinic, better):
            continue
        if is_unique and name == "name":
            better = _free(db, table, clinic, better, limit)
        new[name] = better
    old = {name: dict(zip(columns, values, strict=True))[name] for name in new}
    if new:
        new |= _more(db, table, row_id, old)
        places = ", ".join(f'"{name}" = {db.param}' for name in new)
        statement = f'UPDATE "{table}" SET {places} WHERE id = {db.param}'
        db.execute_sql(statement, (*new.values(), row_id))
    return bool(new)


def _more(db, table, row_id, old):
    """The other columns that change with the texts."""
    now = int(time.time())
    if table in SHOWN:
        before = json.loads(*_row(db, table, '"before"', row_id))
        since = max(now, before[0][0]) if before else now
        return {"before": json.dumps([[since, old], *before])}
    if table != "patient":
        return {}
    search, rev, kept = _row(db, table, "search, rev, label_changes", row_id)
    labels = json.loads(kept) if kept else {}
    changed = {"internal_id"} & set(old) | (set(OF_NAMES) if set(old) - {"phone"} else set())
    every = ("none", "internal_id", *OF_NAMES)
    known = {name: now if name in changed else labels.get(name, rev) for name in every}
    return {"search": " ".join(mended(search).split()), "label_changes": json.dumps(known)}


def _row(db, table, names, row_id):
    statement = f'SELECT {names} FROM "{table}" WHERE id = {db.param}'
    return db.execute_sql(statement, (row_id,)).fetchone()


def _grow(db, clinic):
    """A new revision for everything that shows texts of this clinic."""
    now = int(time.time())
    later = f"CASE WHEN latest_rev >= {now} THEN latest_rev + 1 ELSE {now} END"
    where = f"WHERE id = {db.param}"
    db.execute_sql(f"UPDATE clinic SET latest_rev = {later} {where}", (clinic,))
    db.execute_sql(f"UPDATE clinic SET faces_rev = latest_rev {where}", (clinic,))


def _free(db, table, clinic, name, limit):
    """The name; with a number where another row of the clinic has it."""
    found, number = name[:limit], 2
    while _is_used(db, table, "name", clinic, found):
        end = f" ({number})"
        found, number = name[: limit - len(end)] + end, number + 1
    return found


def _is_used(db, table, what, clinic, value):
    value = value.lower() if "LOWER" in what else value
    statement = (
        f'SELECT 1 FROM "{table}" WHERE clinic_id = {db.param} AND {what} = {db.param} LIMIT 1'
    )
    return db.execute_sql(statement, (clinic, value)).fetchone() is not None


def mended(value):
    """One line without the characters that forms refuse. Raises nothing."""
    if value.isascii() and value.isprintable():
        return value
    value = _LINE_ENDS.sub(" ", value)
    value = "".join(one for one in value if unicodedata.category(one) != "Cs")
    return "".join(one for place, one in enumerate(value) if not _hidden(value, place, one)).strip()


def _hidden(value, place, character):
    code = ord(character)
    if code < 0x7F:
        return code < 0x20
    if code in _JOINERS:
        joins = place and _JOINING.match(value, place - 1) and _JOINING.match(value, place + 1)
        draws = code == 0x200D and 0 < place < len(value) - 1
        return not (joins or (draws and unicodedata.category(value[place + 1]) == "So"))
    if code in _MARKS:
        letters = (one for one in value if ord(one) not in _MARKS)
        return not any(unicodedata.bidirectional(one) in ("R", "AL") for one in letters)
    return code in _HIDDEN or (
        code not in _SEEN_SIGNS and unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp")
    )
