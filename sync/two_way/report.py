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
    "Recreate": lazy("put back {count}"),
}
DONE = {  # the same words for what a run counts
    "created": lazy("created {count}"),
    "updated": lazy("updated {count}"),
    "deleted": lazy("removed {count}"),
    "put_back": lazy("put back {count}"),
    "adopted": lazy("adopted {count}"),
    "followed": lazy("followed {count}"),
    "asked": lazy("asked about {count}"),
}
UNPLANNED = {  # by phase
    "naming": lazy("its calendar there has no name yet, so nothing can be planned."),
    "paused": lazy("it is paused, so nothing can be planned."),
    "leaving": lazy("its sync is ending, so nothing can be planned."),
    "off": lazy("it is not synced, so nothing can be planned."),
}


def planned(account: Account) -> Iterator[str]:
    """The planned steps of a run in our calendar outside, in sentences without names or titles.
    Reads there, and changes nothing anywhere.
    """
    destination = account.destination
    if not account.is_active:
        yield str(UNPLANNED[account.phase])
        return
    if destination is None or destination.calendar_id is None:
        yield (
            _("its calendar there is not made yet: the next run makes it, then fills it.")
            if account.sends
            else _("it sends nothing, so there is nothing to plan.")
        )
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
        words = [
            str(DONE[name]).format(count=count)
            if name in DONE
            else f"{name.replace('_', ' ')} {count}"
            for name, count in done.counts.items()
        ]
        yield ", ".join(words) + "." if words else _("nothing to do.")
    yield f"{row.phase}, {row.health}" + (f" ({row.health_word})" if row.health_word else "") + "."
