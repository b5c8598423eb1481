"""Accounts as the rollout's status knows its readers, and what it has to be told of the site."""

from __future__ import annotations

from core.config import Config
from db.models import Role
from review_ui.auth.access_scope import AccessScope
from review_ui.auth.accounts import Account
from review_ui.auth.rights import Right, may
from review_ui.site import Site
from rollout.control.reader import Names, Reader
from rollout.control.status import ConfiguredSite


def reader_of(config: Config, account: Account, scope: AccessScope) -> Reader:
    """Somebody with an account. ``scope``: what they may see now."""
    return Reader(
        names=Names.of(config),
        campsites=account.campsites,
        blind=scope.blind,
        user=account.name,
        takes_watch=account.may(Right.WATCH),
        operates=account.may(Right.OPERATE),
    )


def configured(config: Config, problem: str | None = None) -> ConfiguredSite:
    """What the status cannot read from the database; ``problem``: what is wrong with the configuration's files."""
    return ConfiguredSite(Names.of(config), frozenset(role for role in Role if may(role, Right.WATCH)), problem)


def configured_site(site: Site) -> ConfiguredSite:
    """The same of this process's site."""
    return configured(site.config, site.plan_watcher.problem)
