"""Names of accounts, so that two accounts of one provider can be told apart on every page and in
every letter.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from base.catalogue import _
from base.tables.bulk import tuples
from sync.providers import registry

from .accounts import Account, RemoteCalendar

NAMELESS = ("", None)


def name_of(account: Account, is_own: bool = True) -> str:
    """The provider's name; if the person has several accounts there, or gave a published calendar a
    name, also `whose`. `is_own`: for the account's own person, who may read the name of a published
    calendar; others get an address instead. No name contains the address of a published calendar,
    which is a secret.
    """
    provider = registry.row_of(account.kind)
    name = str(provider.name)
    if len(_siblings(account)) < 2 and not (
        is_own and provider.reads_only and _called(account)[1] is not None
    ):
        return name
    return _("{name} ({account})", name=name, account=whose(account, is_own))


def whose(account: Account, is_own: bool = True) -> str:
    """The account's e-mail address, with the server if the address does not show it. For a
    published calendar its own name, or its server. Equal texts of one person get a number.
    """
    all_of_them = _siblings(account)
    whole = next((one for one in all_of_them if one.id == account.id), account)
    mine = _plain(whole, is_own)
    equal = [one.id for one in all_of_them if _plain(one, is_own) == mine]
    if len(equal) < 2:
        return mine
    return _("{account}, no. {number}", account=mine, number=sorted(equal).index(account.id) + 1)


def know(accounts: Iterable[Account]) -> None:
    """Load the names of accounts together, with one query at most. `accounts`: all accounts of
    their people. `name_of` then needs no query.
    """
    groups: dict[tuple[int, str], list[Account]] = {}
    for account in accounts:
        groups.setdefault((account.user_id, account.kind), []).append(account)
    for group in groups.values():
        for account in group:
            vars(account)["siblings"] = group
    nameable = {
        one.id: one
        for group in groups.values()
        for one in group
        if registry.row_of(one.kind).reads_only
    }
    if not nameable:
        return
    for account in nameable.values():
        vars(account)["called"] = NAMELESS
    for account_id, *called in _names(list(nameable)):
        vars(nameable[account_id])["called"] = called


def _plain(account: Account, is_own: bool) -> str:
    if registry.row_of(account.kind).reads_only:
        return (_called(account)[0] if is_own else "") or account.email
    host = urlsplit(account.place).hostname or ""
    domain = account.email.rpartition("@")[2].lower()
    if not host or host == domain or host.endswith(f".{domain}"):
        return account.email
    return _("{email} at {host}", email=account.email, host=host)


def _called(account: Account) -> Sequence[str | None]:
    """The name of a published calendar, "" for none; and the one in its document, if its person
    gave it another.
    """
    known = vars(account)
    if "called" not in known:
        known["called"] = next((called for _id, *called in _names([account.id])), NAMELESS)
    found: Sequence[str | None] = known["called"]
    return found


def _names(account_ids: Sequence[int]) -> Iterable[tuple[Any, ...]]:
    """Account, name and told name of the calendars that are read in these accounts (by id)."""
    columns = RemoteCalendar.account, RemoteCalendar.name, RemoteCalendar.told_name
    mine = RemoteCalendar.account.in_(account_ids), RemoteCalendar.role == "source"
    return tuples(RemoteCalendar.select(*columns).where(*mine).order_by(RemoteCalendar.id))


def _siblings(account: Account) -> list[Account]:
    """All accounts of the same person with this provider, this one included."""
    if not registry.row_of(account.kind).accepts_several:
        return [account]
    known = vars(account)
    if "siblings" not in known:
        mine = Account.user == account.user_id, Account.kind == account.kind
        known["siblings"] = list(Account.select().where(*mine).order_by(Account.id))
    siblings: list[Account] = known["siblings"]
    return siblings
