"""What ``SessionPool.acquire`` returns: a session to be had, by ``async with`` or by ``await``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from types import TracebackType
from typing import Any

from devsession.errors import LinkError, UncertainExecutionError, UsageError
from devsession.pool.lease import Lease, LeaseState
from devsession.session.session import DeviceSession


class Acquiring:
    """A session to be had once: for the block of ``async with``, or by ``await``, or ``have``, until ``SessionPool.release``."""

    def __init__(
        self, acquire: Callable[[], Awaitable[Lease]], give_back: Callable[[Lease], Awaitable[None]]
    ) -> None:
        self._acquire = acquire
        self._give_back = give_back
        self._lease: Lease | None = None
        self._used = False

    def __await__(self) -> Generator[Any, None, DeviceSession]:
        return self.have().__await__()

    async def __aenter__(self) -> DeviceSession:
        return await self.have()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the session back; raises LeaseLost where it was taken away before the block's end, or the link failed in it."""
        lease = self._lease
        assert lease is not None
        if lease.is_held:
            await self._give_back(lease)
        elif lease.state in {LeaseState.LOST, LeaseState.EXPIRED} and (
            error is None or isinstance(error, LinkError | UncertainExecutionError)
        ):
            raise lease.error() from error

    async def have(self) -> DeviceSession:
        """Wait for the session, and return it; raises what ``SessionPool.acquire`` says. When cancelled nothing is held."""
        if self._used:
            raise UsageError("a session is acquired once", phase="acquire", hint="call acquire again")
        self._used = True
        self._lease = await self._acquire()
        assert self._lease.session is not None
        return self._lease.session
