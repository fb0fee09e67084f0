"""What becomes of a manager whose link was lost: a policy beside it, which brings it back to the same board."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from devsession.board.deadline import Deadline
from devsession.board.log import log
from devsession.errors import DevsessionError, LinkError


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Wait for the same board after each loss of the link, for up to ``timeout`` seconds (None: without limit).

    The board is known by its port's identity and, once it answers, by the chip's unique id. Where it started anew, the sessions' profiles
    are applied again, methods that were deployed are sent again, and pins and timers of ``session.part`` are made again; programs are not
    repeated. Raises UsageError for what is no time.
    """

    timeout: float | None = 60.0

    def __post_init__(self) -> None:
        Deadline.after(self.timeout)


class Reconnector:
    """Carries out a policy for one manager, whose ``connect`` is told how many seconds are left."""

    def __init__(
        self, policy: Reconnect, connect: Callable[[float | None], Awaitable[None]], url: str
    ) -> None:
        self._policy = policy
        self._connect = connect
        self._url = url
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Know that the link was lost."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._come_back())

    async def end(self) -> None:
        """Give up what is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _come_back(self) -> None:
        deadline = Deadline.after(self._policy.timeout)
        while deadline.remaining != 0:
            try:
                with log.phase("reconnect", board=self._url):
                    await self._connect(deadline.remaining)
            except LinkError:
                continue  # lost again on the way
            except DevsessionError as error:
                log.event("not reconnected", board=self._url, why=error.message)
            return
