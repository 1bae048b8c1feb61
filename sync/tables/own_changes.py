"""The changes that a person made in their calendar sync, from the history of the clinic."""

from base.tables.audit import AuditEntry
from models import Feed, User
from sync.feeds import owned


def account_of(entry: AuditEntry) -> int | None:
    """The id of the account that an entry is about, or to which its calendar belongs. None: the
    entry is about no account, or an earlier version noted the calendar alone. The id of a deleted
    account may be another's now.
    """
    if entry.kind == "account":
        return entry.subject
    found = entry.detail.get("account") if entry.kind == "remote_calendar" else None
    return found if isinstance(found, int) else None


def of_person(user: User, most: int) -> list[tuple[AuditEntry, str]]:
    """The changes of the person's sync settings, feeds and accounts, newest first.

    Each with the feed's name ("" for all else). For accounts it lists only the person's own
    actions: the number of a deleted account may be another's now.
    """
    own = Feed.select(Feed.id).where(Feed.user == user)
    about_feeds = (AuditEntry.kind == "feed") & AuditEntry.subject.in_(own)
    about_settings = (AuditEntry.action == "sync.settings") & (AuditEntry.subject == user.id)
    about_accounts = (AuditEntry.user == user) & (
        AuditEntry.action.startswith("account.") | AuditEntry.action.startswith("source.")
    )
    rows = list(
        AuditEntry.select(AuditEntry, User)
        .left_outer_join(User)
        .where(AuditEntry.clinic == user.clinic_id, about_feeds | about_settings | about_accounts)
        .order_by(AuditEntry.id.desc())
        .limit(most)
    )
    names = owned.names(user, [row.subject for row in rows if row.kind == "feed"])
    return [(row, names.get(row.subject, "") if row.kind == "feed" else "") for row in rows]
