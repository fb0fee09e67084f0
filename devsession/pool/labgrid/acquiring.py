"""Taking a place: reserved by its tags and its name, acquired, and waited for until its board's link is there."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from devsession.errors import BoardTakenError, PoolError, ProviderError
from devsession.pool.labgrid.places import Held, link_url, missing

if TYPE_CHECKING:
    from devsession.pool.labgrid.conversation import Conversation

# An exporter that starts a server for a port takes half a second for it; one that had been away has its places back within 15 s.
LINK_TIMEOUT = 20.0


async def acquire(conversation: Conversation, name: str, tags: Mapping[str, str]) -> Held:
    """Take the place ``name``, which has ``tags``; raises BoardTakenError, ProviderError, and then does not hold it."""
    lacking = missing(conversation.place(name), conversation)
    if lacking is not None:
        raise ProviderError(f"the board of {name} is not there: {lacking}", hint="does its exporter run?")
    try:
        await _reserved(conversation, name, tags)
        return await _linked(conversation, name)
    except PoolError:
        with contextlib.suppress(ProviderError):
            # An answer that was lost may have been that it is ours.
            await conversation.release(name, conversation.client)
        raise


async def _reserved(conversation: Conversation, name: str, tags: Mapping[str, str]) -> None:
    reservation = await conversation.reserve({**tags, "name": name})
    try:
        if "main" not in reservation.allocations:
            holder = conversation.place(name).acquired
            raise BoardTakenError(
                f"{name} is held by {holder}" if holder else f"{name} is reserved by somebody"
            )
        await conversation.acquire(name)
    finally:
        # What is acquired needs no reservation.
        await conversation.cancel(reservation.token)


async def _linked(conversation: Conversation, name: str) -> Held:
    await conversation.wait_until(
        lambda: link_url(conversation.place(name), conversation) is not None, LINK_TIMEOUT
    )
    place = conversation.place(name)
    url = link_url(place, conversation)
    if url is None:
        raise ProviderError(f"the exporter of {name} did not give a link within {LINK_TIMEOUT:g} s")
    return Held(name, url, place.changed)
