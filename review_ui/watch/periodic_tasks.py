"""What a page's process does now and then: write down who was here, and end watches that were forgotten."""

from __future__ import annotations

import logging
from typing import Final

import anyio
import anyio.to_thread
from sqlalchemy.exc import SQLAlchemyError

from review_ui.live.watches import any_forgotten, end_forgotten
from review_ui.site import Site

log = logging.getLogger(__name__)

EVERY_S: Final = 20.0


async def keep_going(site: Site) -> None:
    """Work until cancelled."""
    while True:
        await anyio.sleep(EVERY_S)
        try:
            await anyio.to_thread.run_sync(round_of, site, abandon_on_cancel=True)
        except SQLAlchemyError:
            log.exception("the database cannot be written; trying again")


def round_of(site: Site) -> None:
    """One round. Several processes may do it at once: each watch ends once."""
    now = site.clock()
    with site.database.read() as session:
        forgotten = any_forgotten(session, now)
    if not forgotten and not site.last_seen.pending():
        return
    with site.database.write() as session:
        site.last_seen.write_down(session)
        ended = end_forgotten(session, now)
    if ended:
        log.warning("%d forgotten watches have ended by themselves", ended)
        site.wake_pages()
