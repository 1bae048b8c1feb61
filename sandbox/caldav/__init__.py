"""An imitation of calendar servers that speak CalDAV, each with the habits of one kind.

`create` makes one; `CHARACTERS` are the kinds. It is never part of an installation.
"""

from .app import CalDav, create
from .characters import CHARACTERS, Character

__all__ = ["CHARACTERS", "CalDav", "Character", "create"]
