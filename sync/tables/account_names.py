"""Names of accounts, so that two accounts of one provider can be told apart on every page and in
every letter.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from base.catalogue import _
from sync.providers import registry

from .accounts import Account, RemoteCalendar


def name_of(account: Account, is_own: bool = True) -> str:
    """The provider's name; if the person has several accounts there, also `whose`. `is_own`: for
    the account's own person, who may read the name of a published calendar; others get an address
    instead. No name contains the address of a published calendar, which is a secret.
    """
    name = str(registry.of(account.kind).name)
    if not _has_siblings(account):
        return name
    return _("{name} ({account})", name=name, account=whose(account, is_own))


def whose(account: Account, is_own: bool = True) -> str:
    """The account's e-mail address, with the server if the address does not show it. For a
    published calendar its own name, or its server. Equal texts of one person get a number.
    """
    all_of_them = _siblings(account)
    whole = next((one for one in all_of_them if one.id == account.id), account)
    said = _plain(whole, is_own)
    equal = [one.id for one in all_of_them if _plain(one, is_own) == said]
    if len(equal) < 2:
        return said
    return _("{account}, no. {number}", account=said, number=sorted(equal).index(account.id) + 1)


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
    several = {
        one.id: one
        for group in groups.values()
        for one in group
        if len(group) > 1 and registry.of(one.kind).reads_only
    }
    if not several:
        return
    for account in several.values():
        vars(account)["called"] = ""
    mine = RemoteCalendar.account.in_(list(several)), RemoteCalendar.role == "source"
    for row in RemoteCalendar.select(RemoteCalendar.account, RemoteCalendar.name).where(*mine):
        vars(several[row.account_id])["called"] = row.name


def _plain(account: Account, is_own: bool) -> str:
    if registry.of(account.kind).reads_only:
        return (_called(account) if is_own else "") or account.email
    host = urlsplit(account.place).hostname or ""
    domain = account.email.rpartition("@")[2].lower()
    if not host or host == domain or host.endswith(f".{domain}"):
        return account.email
    return _("{email} at {host}", email=account.email, host=host)


def _called(account: Account) -> str:
    """The name that a published calendar has in its document, "" for none."""
    known = vars(account)
    if "called" not in known:
        mine = RemoteCalendar.account == account.id, RemoteCalendar.role == "source"
        row = RemoteCalendar.select(RemoteCalendar.name).where(*mine).first()
        known["called"] = row.name if row else ""
    return str(known["called"])


def _has_siblings(account: Account) -> bool:
    return len(_siblings(account)) > 1


def _siblings(account: Account) -> list[Account]:
    """All accounts of the same person with this provider, this one included."""
    if not registry.of(account.kind).takes_several:
        return [account]
    known = vars(account)
    if "siblings" not in known:
        mine = Account.user == account.user_id, Account.kind == account.kind
        known["siblings"] = list(Account.select().where(*mine).order_by(Account.id))
    siblings: list[Account] = known["siblings"]
    return siblings
