"""Two-way sync for the command line: the planned steps, and the steps of a run."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from base import scheduling
from base.catalogue import _, lazy
from sync.connect import gateway
from sync.providers.errors import ProviderError
from sync.tables.accounts import Account
from sync.tables.runs import SyncRun

from . import run
from .plans import local, marks, planning

WORDS = {
    "DeleteRemote": lazy("remove {count}"),
    "AdoptRemote": lazy("adopt {count}"),
    "Relink": lazy("note {count}"),
    "Freeze": lazy("let be {count}"),
    "Forget": lazy("forget {count}"),
    "Ask": lazy("ask about {count}"),
    "MoveLocal": lazy("follow {count}"),
    "UpdateRemote": lazy("update {count}"),
    "PutBack": lazy("put back {count}"),
    "CreateRemote": lazy("create {count}"),
    "Recreate": lazy("create again {count}"),
}


def planned(account: Account) -> Iterator[str]:
    """The planned steps of a run in our calendar outside, in sentences without names or titles.
    Reads there, and changes nothing anywhere.
    """
    destination = account.destination
    if account.phase != "active" or destination is None or destination.calendar_id is None:
        yield _("it is {phase}, and nothing can be planned.", phase=account.phase)
        return
    try:
        delta = gateway.open_account(account).pull(
            destination.calendar_id, destination.sync_token, local.reach(account), unrolled=False
        )
    except ProviderError as error:
        yield _("the provider refused: {error}.", error=error)
        return
    delta = replace(delta, changed=marks.claimed(account, delta.changed, destination.is_ours))
    found = planning.planned(
        account,
        account.practitioners(),
        planning.without_kept(account, delta),
        scheduling.utc_now(),
    )
    steps = [*found.steps, *found.waiting]
    counts = Counter(WORDS[type(step).__name__] for step in steps)
    yield (
        ", ".join(str(word).format(count=count) for word, count in counts.items()) + "."
        if counts
        else _("nothing to do.")
    )
    if found.stop:
        stop = found.stop
        yield _(
            "it would stop for a person: {count} of {total} events would go.",
            count=stop.count,
            total=stop.total,
        )


def carried_out(account: Account) -> Iterator[str]:
    """Run the account's sync and report its steps."""
    before = SyncRun.select().where(SyncRun.account == account).order_by(SyncRun.id.desc()).first()
    run.run(account.id)
    row = Account.get_or_none(Account.id == account.id)
    if row is None:
        yield _("it is disconnected.")
        return
    for done in (
        SyncRun.select()
        .where(SyncRun.account == account, SyncRun.id > (before.id if before else 0))
        .order_by(SyncRun.id)
    ):
        yield (
            ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in done.counts.items())
            + "."
            if done.counts
            else _("nothing to do.")
        )
    yield f"{row.phase}, {row.health}" + (f" ({row.health_word})" if row.health_word else "") + "."
