"""The conversation with labgrid's coordinator: what it tells of places and resources, and what it is asked.

The one module that imports labgrid and gRPC. Of labgrid only the messages and their Python forms are used, not its client, which has no
deadlines, writes its troubles to the root logger, and shares one connection among all clients of a process.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import itertools
from collections.abc import Callable
from typing import Any

import grpc
from labgrid.remote.common import Place, Reservation, ResourceEntry
from labgrid.remote.generated import labgrid_coordinator_pb2 as messages
from labgrid.remote.generated import labgrid_coordinator_pb2_grpc as services

from devsession.errors import ProviderError
from devsession.transport.waiters import Waiters

# Seconds for the first answer: a coordinator takes milliseconds, and three seconds on a computer that is busy.
BEGIN_TIMEOUT = 10.0
# An exporter that hangs holds its coordinator, and with it everybody, for 10 s.
ASK_TIMEOUT = 20.0
# A connection of its own for each client, as the coordinator knows clients by their connection; its keepalive is that of labgrid's client.
_OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.keepalive_time_ms", 7500),
    ("grpc.keepalive_timeout_ms", 10000),
    ("grpc.http2.ping_timeout_ms", 10000),
    ("grpc.http2.max_pings_without_data", 0),
)
_GONE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED)


class Conversation:
    """One conversation with the coordinator at ``address``, as the client ``client``, from ``begin`` until ``ended``.

    ``places`` and ``resources`` are what it told last, by name and by (exporter, group, name).
    """

    def __init__(self, address: str, client: str) -> None:
        self.address = address
        self.client = client
        self.places: dict[str, Place] = {}
        self.resources: dict[tuple[str, str, str], ResourceEntry] = {}
        self.ended = asyncio.Event()
        self._news = Waiters()
        self._numbers = itertools.count(1)
        self._synced = 0
        self._listening: asyncio.Task[None] | None = None
        self._channel = grpc.aio.insecure_channel(address, options=_OPTIONS)
        self._stub = services.CoordinatorStub(self._channel)
        self._stream: Any = None

    async def begin(self) -> None:
        """Say who we are, and wait until everything was told; raises ProviderError."""
        self._stream = self._stub.ClientStream()
        self._listening = asyncio.create_task(self._listen())
        started = messages.StartupDone(version=importlib.metadata.version("labgrid"), name=self.client)
        try:
            async with asyncio.timeout(BEGIN_TIMEOUT):
                await self._say(startup=started)
                await self._say(subscribe=messages.Subscribe(all_places=True))
                await self._say(subscribe=messages.Subscribe(all_resources=True))
                await self._sync()
        except TimeoutError:
            await self.end()
            raise self._silent(f"it did not answer within {BEGIN_TIMEOUT:g} s") from None
        except BaseException:
            await self.end()
            raise

    async def end(self) -> None:
        """End the conversation; the coordinator forgets nothing that is held."""
        if self._stream is not None:
            self._stream.cancel()
        if self._listening is not None:
            await asyncio.wait({self._listening})
        await self._channel.close()

    async def sync(self) -> None:
        """Wait until everything was told that happened so far; raises ProviderError."""
        try:
            async with asyncio.timeout(ASK_TIMEOUT):
                await self._sync()
        except TimeoutError:
            raise self._silent(f"it did not answer within {ASK_TIMEOUT:g} s") from None

    async def news(self, timeout: float | None) -> None:
        """Wait until something is told or the conversation ends, up to ``timeout`` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                if not self.ended.is_set():
                    await self._news.wait()

    async def wait_until(self, holds: Callable[[], bool], timeout: float) -> None:
        """Wait for news that make ``holds`` true, up to ``timeout`` seconds, or until the conversation ends."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while not holds() and not self.ended.is_set():
                    await self._news.wait()

    def place(self, name: str) -> Place:
        """Return a place; raises ProviderError where there is none of that name."""
        found = self.places.get(name)
        if found is None:
            raise ProviderError(f"labgrid has no place {name}")
        return found

    # What it is asked

    async def reserve(self, wanted: dict[str, str]) -> Reservation:
        """Reserve a place with the tags ``wanted``; ``name`` among them is that of one place. Raises ProviderError."""
        request = messages.CreateReservationRequest()
        request.filters["main"].filter.update(wanted)
        return Reservation.from_pb2((await self._ask("CreateReservation", request)).reservation)

    async def cancel(self, token: str) -> None:
        """Give up a reservation; one that is gone is given up. Raises ProviderError."""
        request = messages.CancelReservationRequest(token=token)
        await self._ask("CancelReservation", request, fine=grpc.StatusCode.FAILED_PRECONDITION)

    async def acquire(self, place: str) -> None:
        """Take a place that we have reserved; raises ProviderError, also where its exporter does not give what belongs to it."""
        await self._ask("AcquirePlace", messages.AcquirePlaceRequest(placename=place))
        await self.sync()

    async def release(self, place: str, holder: str) -> None:
        """Give a place back that ``holder`` has; where somebody else has it nothing happens. Raises ProviderError."""
        await self._ask("ReleasePlace", messages.ReleasePlaceRequest(placename=place, fromuser=holder))

    async def _ask(self, what: str, request: Any, *, fine: grpc.StatusCode | None = None) -> Any:
        """Return the answer to a request, ``None`` where it is refused in a way that is ``fine``; raises ProviderError."""
        if self.ended.is_set():
            # Over a connection that gRPC made anew it would not know us.
            raise self._silent("it ended the conversation")
        try:
            return await getattr(self._stub, what)(request, timeout=ASK_TIMEOUT)
        except grpc.aio.AioRpcError as error:
            if error.code() in _GONE:
                raise self._silent(error.details()) from error
            if error.code() is fine:
                return None
            raise ProviderError(f"labgrid's coordinator at {self.address}: {error.details()}") from error

    # What it tells

    async def _say(self, **what: Any) -> None:
        try:
            await self._stream.write(messages.ClientInMessage(**what))
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
            raise self._silent(_reason(error)) from error

    async def _sync(self) -> None:
        number = next(self._numbers)
        await self._say(sync=messages.Sync(id=number))
        while self._synced < number:
            if self.ended.is_set():
                raise self._silent("it ended the conversation")
            await self._news.wait()

    async def _listen(self) -> None:
        try:
            async for message in self._stream:
                for update in message.updates:
                    self._take(update)
                if message.HasField("sync"):
                    self._synced = message.sync.id
                self._news.wake()
        except (grpc.aio.AioRpcError, asyncio.CancelledError):
            # It is gone, or we ended it: gRPC tells that as a cancel.
            pass
        finally:
            self.ended.set()
            self._news.wake()

    def _take(self, update: Any) -> None:
        kind = update.WhichOneof("kind")
        if kind == "place":
            self.places[update.place.name] = Place.from_pb2(update.place)
        elif kind == "del_place":
            self.places.pop(update.del_place, None)
        elif kind == "resource":
            self.resources[_path(update.resource.path)] = ResourceEntry(
                ResourceEntry.data_from_pb2(update.resource)
            )
        elif kind == "del_resource":
            self.resources.pop(_path(update.del_resource), None)

    def _silent(self, reason: str | None) -> ProviderError:
        return ProviderError(
            f"labgrid's coordinator at {self.address} cannot be reached: {reason or 'it does not answer'}",
            hint="is labgrid-coordinator running there? LG_COORDINATOR=HOST:PORT, or labgrid://HOST:PORT/TAGS",
        )


def _path(path: Any) -> tuple[str, str, str]:
    return path.exporter_name, path.group_name, path.resource_name


def _reason(error: Exception) -> str | None:
    return error.details() if isinstance(error, grpc.aio.AioRpcError) else str(error)
