"""The choice of how clients appear outside (on the Calendar sync page), within the clinic's
limits.
"""

from flask_login import current_user
from wtforms import BooleanField

from base.catalogue import _, lazy
from base.text import IDENTIFIERS
from models import User
from views.kit.forms import Line
from views.kit.merging import Merging
from views.kit.words import sync_words


class Identifier(Merging):
    not_stored = ("confirm_full_name",)

    identifier = Line(lazy("How clients appear"), 30, lazy("Choose how clients appear"))
    confirm_full_name = BooleanField(lazy("I understand, and I want full names in my calendar"))

    def in_words(self, names: tuple[str, ...]) -> str:
        return sync_words.IDENTIFIER_NAMES.get(self.identifier.data, _("Not chosen yet"))

    def validate_identifier(self, field):
        if field.data not in IDENTIFIERS:
            self.fault("identifier", _("Choose how clients appear"))
        elif field.data not in current_user.clinic.allowed_identifiers():
            self.fault("identifier", _("Your clinic does not allow this one. Choose one above it"))

    def validate_confirm_full_name(self, field):
        if self.identifier.data == "full_name" != current_user.identifier and not field.data:
            self.fault(
                "confirm_full_name",
                _("Tick that you understand what full names tell, or choose another way"),
            )


def identifier_form(user: User, **kwargs) -> Identifier:
    """The form filled with the person's last choice."""
    return Identifier(data={"identifier": user.identifier}, **kwargs)
