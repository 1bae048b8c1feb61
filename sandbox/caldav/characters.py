"""How real servers differ from the standard, as switches. Apart from its switches each character
follows the standard.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Character:
    """`tells_no_dead_token`: any token is answered, an unknown one with everything that exists.
    `leaves_out`: a multiget leaves out missing events, also in a missing calendar. `missing`: the
    status of a PUT into a missing calendar. `ignores_conditions`: writes in spite of them.
    `one_uid`: 403 for a UID that the person has anywhere. `takes_uid_twice`: stores a second event
    with one UID. `lists_itself`: the calendar is among its changes. `hides_etag`: no etag after a
    PUT. `absent_is_changed`: 412 for a conditional deletion of a missing event. `has_sync`: knows
    sync-collection. `has_ctag`. `makes_calendars`. `own_paths`: a new calendar gets another path.
    `keeps_description`. `absolute`: whole addresses in answers. `data_in_sync`. `raw_names`: names
    in sync answers are not encoded. `tells_removed`: the status of a removed event. `part`: at most
    so many items in one sync answer, then 507.
    """

    tells_no_dead_token: bool = False
    leaves_out: bool = False
    missing: int = 409
    ignores_conditions: bool = False
    one_uid: bool = False
    takes_uid_twice: bool = False
    lists_itself: bool = False
    hides_etag: bool = False
    absent_is_changed: bool = False
    has_sync: bool = True
    has_ctag: bool = True
    makes_calendars: bool = True
    own_paths: bool = False
    keeps_description: bool = True
    absolute: bool = False
    data_in_sync: bool = True
    raw_names: bool = False
    tells_removed: int = 404
    part: int | None = None
    root: str = ""  # before every path


CHARACTERS = {
    "right": Character(),
    "plain": Character(one_uid=True, missing=403, part=7, lists_itself=True),
    "forgetful": Character(
        tells_no_dead_token=True,
        leaves_out=True,
        missing=405,
        takes_uid_twice=True,
        data_in_sync=False,
        hides_etag=True,
    ),
    "counting": Character(
        ignores_conditions=True,
        root="/SOGo/dav",
        tells_no_dead_token=True,
        keeps_description=False,
        raw_names=True,
        missing=404,
    ),
    "numbered": Character(
        takes_uid_twice=True,
        lists_itself=True,
        absent_is_changed=True,
        leaves_out=True,
        missing=404,
        hides_etag=True,
    ),
    "orchard": Character(one_uid=True, absolute=True, lists_itself=True, missing=404),
    "opaque": Character(own_paths=True, tells_no_dead_token=True, missing=404),
    "bare": Character(has_sync=False, has_ctag=False, makes_calendars=False, missing=404),
    "old": Character(has_sync=False, missing=404),
    "lazy": Character(tells_removed=418, missing=404),
}
