"""Commands to the rollout as people give them on the page and in the API: who, with what before their eyes, and whether
they have proved it. :mod:`rollout.control.service` obeys or refuses; here is nothing but the way there."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from db.models import Campsite
from review_ui.auth.accounts import Account
from review_ui.site import Site
from rollout.base.durations import Duration
from rollout.control import service
from rollout.control.service import CommandOutcome, perform
from rollout.stages import commands as c
from rollout.stages.commands import Command, Person, Step

LONGEST_WORDS: Final = 600


def person(account: Account) -> Person:
    """An account as the rollout sees it."""
    return Person(account.name, (account.role.value,))


def promote(
    site: Site, account: Account, epoch: int | None, key: str | None, rerun_stage: bool = False
) -> CommandOutcome:
    """Ask to go on, with a fresh analysis of the gates. Raises :class:`rollout.stages.commands.Refused`."""
    outcome = service.promote(
        site.database, site.plan_watcher.current(), person(account), site.clock(), key=key, epoch=epoch,
        rerun_stage=rerun_stage, actor=_actor(account),
    )  # fmt: skip
    _told(site)
    return outcome


def approve(site: Site, account: Account, step: Step, note: str, epoch: int | None, key: str | None) -> CommandOutcome:
    """Agree to a step. Prove who it is first (:func:`review_ui.web.step_up.prove`)."""
    return _obey(site, account, c.Approve(by=person(account), step=step, note=note, epoch=epoch, key=key))


def extend(site: Site, account: Account, longer: Duration, epoch: int | None, key: str | None) -> CommandOutcome:
    """Give the running stage more time, with a fresh analysis of the gates."""
    outcome = service.more_time(
        site.database, site.plan_watcher.current(), person(account), longer, site.clock(), key=key, epoch=epoch,
        actor=_actor(account),
    )  # fmt: skip
    _told(site)
    return outcome


def demote(site: Site, account: Account, to: str | None, campsites: Collection[str], reason: str) -> CommandOutcome:
    """Take power back, down to an earlier stage or from some campsites."""
    return _obey(site, account, c.Demote(by=person(account), to=to, campsites=tuple(campsites), reason=reason))


def stop(site: Site, account: Account, campsites: Collection[str], reason: str, key: str | None) -> CommandOutcome:
    """End authority now; no campsites: everywhere. Those that nobody knows are left out, as long as one is left."""
    with site.database.read() as session:
        known = tuple(sorted(name for name in set(campsites) if session.get(Campsite, name) is not None))
    if campsites and not known:
        raise c.Refused("none of these campsites is known; nothing was stopped")
    where = known if campsites else None
    return _obey(site, account, c.EmergencyStop(by=person(account), campsites=where, reason=reason, key=key))


def hold(site: Site, account: Account, reason: str, key: str | None) -> CommandOutcome:
    """Go no further until two people close it; what is live goes on."""
    return _obey(site, account, c.Hold(by=person(account), reason=reason, key=key))


def take_over(site: Site, account: Account, handover: int | None) -> CommandOutcome:
    """ "I have taken over the watch"."""
    chosen = None if handover is None else (handover,)
    return _obey(site, account, c.WatchAck(by=person(account), handovers=chosen))


def close_breaker(
    site: Site, account: Account, latch: str, cause: str, epoch: int | None, key: str | None
) -> CommandOutcome:
    """Agree to close a breaker, with a written cause; the second of two people closes it. Prove who it is first."""
    return _obey(site, account, c.BreakerReset(by=person(account), latch=latch, cause=cause, epoch=epoch, key=key))


def _obey(site: Site, account: Account, command: Command) -> CommandOutcome:
    outcome = perform(site.database, site.plan_watcher.current(), command, site.clock(), _actor(account))
    _told(site)
    return outcome


def _told(site: Site) -> None:
    site.wake_pages()
    site.flush_outbox()


def _actor(account: Account) -> str:
    return f"user:{account.id}"
