"""Forms with one field of the signed-in person. Switches are saved at once. Each form sends the
wanted state and the state that its page showed, so that a second press, or a press on an older
page, reverses nothing.
"""

from flask_login import current_user
from wtforms import BooleanField

from base.catalogue import lazy
from models import User
from views.kit.choices import Options
from views.kit.merging import Merging


class _Switch(Merging):
    saves_itself = True


class OptIn(_Switch):
    allow = BooleanField(lazy("Let my bookings appear in calendars outside Kalends"))


class Hide(_Switch):
    hide_sensitive = BooleanField(
        lazy("Hide sensitive information in all my links and connected calendars")
    )


class Titles(Merging):
    titles_for = Options(
        lazy("Who sees the titles of my events from other calendars"),
        choices=[
            ("nobody", lazy("Only me. Others see “Busy”")),
            ("managers", lazy("Managers, too")),
            ("everyone", lazy("Everyone who works here")),
        ],
    )


def titles(user: User, **kwargs) -> Titles:
    """Which colleagues may read the titles of the person's external events."""
    return Titles(data={"titles_for": user.titles_for}, **kwargs)


def opt_in(user: User, **kwargs) -> OptIn:
    """Whether the person's bookings may leave."""
    return OptIn(data={"allow": user.sync_allowed}, **kwargs)


def hide(user: User, **kwargs) -> Hide:
    """Whether the person's feeds show only "Busy"."""
    return Hide(data={"hide_sensitive": user.hide_sensitive}, **kwargs)


def saved(kind, form: Merging, column: str) -> bool:
    """Store the one field of the signed-in person's form in `column`, unless the person must decide
    something first.
    """
    user = current_user._get_current_object()
    (field,) = form.stored()
    return form.store(
        user,
        lambda row: kind(row, formdata=None),
        lambda: user.change_sync(**{column: form[field].data}),
    )
