"""Fields that a colleague changed while this person had the form open, and that keep the
colleague's values: each page that saves such a form names them.
"""

from collections.abc import Iterable

from flask import flash, g

from base.catalogue import _, listed


def note_labels(labels: Iterable[str]) -> None:
    """Remember the labels of the fields for the answer of this request."""
    g.setdefault("theirs", []).extend(labels)


def name_kept_values() -> None:
    """Name the values kept from a colleague on the next page, if there are any. Call it after the
    form was saved.
    """
    labels = list(dict.fromkeys(g.pop("theirs", [])))
    if labels:
        flash(
            _(
                "Kept from someone else, who changed it while you had it open: {labels}.",
                labels=listed(labels),
            ),
            "warning",
        )
