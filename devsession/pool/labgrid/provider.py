"""The boards of a labgrid farm, as a provider of a pool."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from devsession.errors import BoardTakenError, PoolError, ProviderError
from devsession.pool.labgrid.acquiring import acquire
from devsession.pool.labgrid.client_name import ClientName
from devsession.pool.labgrid.places import Held, Standing, fits, missing, standing, words
from devsession.pool.labgrid.power import cycle
from devsession.pool.labgrid.url import FarmUrl
from devsession.pool.locks import Locks
from devsession.pool.provider import BoardOffer
from devsession.session.listeners import Listeners

if TYPE_CHECKING:
    from devsession.pool.labgrid.conversation import Conversation

# How long an exporter may be away before what it exported is lost: labgrid's own service starts it again after 30 s.
PATIENCE = 60.0
# Seconds between two attempts to reach a coordinator that is away: short at first, as a restart takes half a second.
FIRST_PAUSE = 0.25
LAST_PAUSE = 5.0
GROWTH = 1.5


@dataclass(frozen=True, slots=True)
class PlaceLost:
    """A place that was open is not ours any more: ``board`` is the name of its offer, ``reason`` in words."""

    board: str
    reason: str


class LabgridBoards:
    """The boards of the farm that ``url`` names: ``labgrid:TAG=VALUE,…``, ``labgrid://HOST:PORT/TAG=VALUE,…``.

    Each place with those tags is an offer. ``open`` reserves and acquires it, under a name that no other provider has, and ``close``
    releases it; what a process of this user had acquired that died is released by the next one who meets it. A coordinator that is
    away is waited for, and asked again for what is open: ``lost`` tells listeners of a PlaceLost which of that somebody else may have had
    meanwhile, and what an exporter exported that was away for more than ``patience`` seconds. Until it is closed, ``discover`` leaves
    it out. ``locks`` is where names are locked, by default where boards are.
    """

    name = "labgrid"
    can_create = False

    def __init__(
        self, url: str = "labgrid:", *, patience: float = PATIENCE, locks: Locks | None = None
    ) -> None:
        self._url = FarmUrl.parse(url)
        self._patience = patience
        self._locks = locks
        self.lost: Listeners[PlaceLost] = Listeners()
        self._client: ClientName | None = None
        self._conversation: Conversation | None = None
        self._connecting = asyncio.Lock()
        self._held: dict[str, Held] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._watching: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<LabgridBoards {self._url.coordinator}, {len(self._held)} places held>"

    # What a pool asks for

    async def discover(self) -> tuple[BoardOffer, ...]:
        """Return the places that have the tags and whose board is exported; raises ProviderError."""
        conversation = await self._connected()
        return tuple(
            self._offer(place)
            for _, place in sorted(conversation.places.items())
            if fits(place, self._url.tags) and self._is_there(conversation, place)
        )

    async def open(self, offer: BoardOffer) -> str:
        """Acquire a place, and return the URL of its board's link. When cancelled it is given back as soon as it is known to be held.

        Raises BoardTakenError where somebody else has or awaits it, ProviderError.
        """
        held = self._held.get(offer.name)
        if held is not None and held.lost is None:
            return held.url
        conversation = await self._connected()
        taking = self._begin(self._take(conversation, offer.name))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            self._begin(self._undo(taking, offer))
            raise

    async def close(self, offer: BoardOffer) -> None:
        """Release a place that is held; where the coordinator is away it is gone with its restart, or released by the next who meets it."""
        if self._held.pop(offer.name, None) is not None:
            conversation = await self._connected()
            # Released only from ourselves: somebody else may have it by now.
            await conversation.release(offer.name, conversation.client)

    async def power(self, offer: BoardOffer) -> bool:
        """Cycle the power of a board that is open, by labgrid's own client; False where the place has no power port, or it failed."""
        held = self._held.get(offer.name)
        if held is None or held.lost is not None:
            return False
        return await cycle(self._url.coordinator, self._name().name, offer.name)

    async def create(self) -> BoardOffer:
        """Raise ProviderError: places are made by those who run the farm."""
        raise ProviderError("a farm's boards cannot be made")

    async def destroy(self, offer: BoardOffer) -> None:
        """Do nothing."""

    async def aclose(self) -> None:
        """Release what is held, and end the conversation with the coordinator."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait({self._watching})
        while self._tasks:
            await asyncio.wait(self._tasks)
        conversation = self._conversation
        if conversation is not None:
            with contextlib.suppress(ProviderError):
                for name in tuple(self._held):
                    await conversation.release(name, conversation.client)
            await conversation.end()
        self._held.clear()
        if self._client is not None:
            self._client.give_back()
        await self.lost.settle()

    # The coordinator

    def _name(self) -> ClientName:
        if self._client is None:
            self._client = ClientName(self._locks or Locks())
        return self._client

    async def _connected(self) -> Conversation:
        async with self._connecting:
            if self._conversation is None or self._conversation.ended.is_set():
                before, self._conversation = self._conversation, await self._converse()
                if before is not None:
                    await before.end()
                if self._watching is None:
                    self._watching = asyncio.create_task(self._watch())
            return self._conversation

    async def _converse(self) -> Conversation:
        try:
            from devsession.pool.labgrid.conversation import Conversation
        except ImportError as error:
            raise ProviderError(
                f"labgrid is not installed: {error}", hint="pip install 'devsession[labgrid]'"
            ) from error
        conversation = Conversation(self._url.coordinator, self._name().name)
        await conversation.begin()
        # Of whoever had our name before us.
        for place in tuple(conversation.places.values()):
            if place.acquired == conversation.client and place.name not in self._held:
                await conversation.release(place.name, conversation.client)
        return conversation

    # Places

    def _offer(self, place: Any) -> BoardOffer:
        url = self._url.of_place(place.name)
        return BoardOffer(place.name, url, identity=url, tags=words(place))

    def _is_there(self, conversation: Conversation, place: Any) -> bool:
        held = self._held.get(place.name)
        # What is held and not lost is ours still, while its exporter is away for a moment.
        return held.lost is None if held is not None else missing(place, conversation) is None

    async def _take(self, conversation: Conversation, name: str) -> str:
        await self._bury(conversation, conversation.place(name))
        held = await acquire(conversation, name, dict(self._url.tags))
        self._held[name] = held
        return held.url

    async def _undo(self, taking: asyncio.Task[str], offer: BoardOffer) -> None:
        """Give back what nobody waits for any longer."""
        await asyncio.wait({taking})
        with contextlib.suppress(PoolError):
            if taking.exception() is None:
                await self.close(offer)

    async def _bury(self, conversation: Conversation, place: Any) -> None:
        """Release a place whose holder has died."""
        if place.acquired:
            with self._name().dead(place.acquired) as is_dead:
                if is_dead:
                    await conversation.release(place.name, place.acquired)
                    await conversation.sync()

    def _begin(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # What is held

    async def _watch(self) -> None:
        """See to it that what is held is ours, as long as there is a coordinator, and that there is one."""
        pause = FIRST_PAUSE
        while True:
            try:
                conversation = await self._connected()
            except ProviderError:
                await asyncio.sleep(pause)
                pause = min(pause * GROWTH, LAST_PAUSE)
                continue
            pause = FIRST_PAUSE
            for held in tuple(self._held.values()):
                if held.lost is None and not conversation.ended.is_set():
                    await self._look_after(conversation, held)
            await conversation.news(self._patience_left())

    async def _look_after(self, conversation: Conversation, held: Held) -> None:
        stands, reason = standing(held, conversation)
        if stands is Standing.FREE and not reason:
            stands, reason = await self._acquire_again(conversation, held)
        if stands is Standing.OURS:
            held.doubtful = None
        elif not conversation.ended.is_set():
            now = asyncio.get_running_loop().time()
            if held.doubtful is None:
                held.doubtful = now
            if stands is Standing.LOST or now >= held.doubtful + self._patience:
                self._lose(held, reason)

    async def _acquire_again(self, conversation: Conversation, held: Held) -> tuple[Standing, str]:
        try:
            again = await acquire(conversation, held.place, dict(self._url.tags))
        except BoardTakenError as error:
            return Standing.LOST, error.message
        except ProviderError as error:
            # It went away again: there will be news.
            return Standing.WAITING, error.message
        held.changed = again.changed
        if again.url != held.url:
            return Standing.LOST, f"its link leads to {again.url} now"
        return Standing.OURS, ""

    def _patience_left(self) -> float | None:
        """Return in how many seconds the first of those that are away is lost."""
        now = asyncio.get_running_loop().time()
        ends = [
            held.doubtful + self._patience
            for held in self._held.values()
            if held.doubtful is not None and held.lost is None
        ]
        return max(min(ends) - now, 0.0) if ends else None

    def _lose(self, held: Held, reason: str) -> None:
        held.lost = reason
        self.lost(PlaceLost(held.place, reason))
