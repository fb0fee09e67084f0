"""Has the planner decide, and begins what it decided; what the parts of a pool have in common."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any

from devsession.board.log import log
from devsession.pool import events as told
from devsession.pool.config import PoolConfig
from devsession.pool.events import PoolEvent
from devsession.pool.inventory import Store
from devsession.pool.model import (
    Action,
    Check,
    Close,
    Create,
    Evict,
    Expire,
    Give,
    Open,
    Refuse,
    Scale,
)
from devsession.pool.planner import Planner
from devsession.pool.pooled import PooledBoard
from devsession.pool.provider import Provider
from devsession.pool.throttle import Throttle
from devsession.session.listeners import Listeners

if TYPE_CHECKING:
    from devsession.pool.boards import Boards
    from devsession.pool.leases import Leases
    from devsession.pool.nurse import Nurse
    from devsession.pool.roster import Roster

# Periodic things are done up to this part earlier or later, so that not all boards do them at once.
JITTER = 0.1


class Runner:
    """What the parts of a pool have in common: ``decide`` has the planner look, and begins what it decided, in tasks."""

    roster: Roster
    boards: Boards
    nurse: Nurse
    leases: Leases

    def __init__(
        self,
        config: PoolConfig,
        provider: Provider,
        store: Store | None,
    ) -> None:
        self.config = config
        self.provider = provider
        self.events: Listeners[PoolEvent] = Listeners()
        sharing = 1 if provider.can_create and not config.share else 1 + config.max_sleeping
        self.planner = Planner(config, can_create=provider.can_create, sharing=sharing)
        self.throttle = Throttle(
            _limit(config.throttle_agent, config.throttle_agent_burst),
            _limit(config.throttle_pool, config.throttle_pool_burst),
            adaptive=config.throttle_adaptive,
        )
        self.pooled: dict[str, PooledBoard] = {}
        self.store = store
        self.failure: Exception | None = None
        self.changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._doing: dict[type, Callable[[Any], object]] = {
            Give: lambda do: self.leases.give(do),  # noqa: PLW0108 - there are none yet
            Refuse: lambda do: self.leases.refuse(do),  # noqa: PLW0108 - likewise
            Expire: lambda do: self.leases.expire(do.lease),
            Open: lambda do: self.spawn(self.boards.open(do.member)),
            Create: lambda _: self.spawn(self.boards.create()),
            Close: lambda do: self.spawn(self.boards.close(do.member, do.reason, do.because)),
            Evict: lambda do: self.spawn(self.boards.evict_all(do.member, do.agents, do.because)),
            Check: lambda do: self.spawn(self.nurse.check(do.member)),
            Scale: lambda do: self.say(
                told.PoolScaled, before=do.before, after=do.after, utilisation=do.utilisation
            ),
        }

    def equip(self, roster: Roster, boards: Boards, nurse: Nurse, leases: Leases) -> None:
        """Know those who do what is decided."""
        self.roster, self.boards, self.nurse, self.leases = roster, boards, nurse, leases

    def say(self, event: type[PoolEvent], **facts: Any) -> None:
        """Tell the listeners of something."""
        self.events(event(pool=self.config.name, **facts))

    # Deciding and doing

    def decide(self) -> None:
        """Have the planner look who gets what, and begin that."""
        now = time.monotonic()
        actions = self.planner.assign(now)
        if actions:
            self.perform(actions + self.planner.ahead(now))

    def perform(self, actions: Iterable[Action]) -> None:
        """Begin what was decided."""
        for action in actions:
            self._doing[type(action)](action)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something in a task that the pool's end waits for."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def settle(self) -> None:
        """Wait until nothing is under way any more."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def failed(self, error: Exception) -> None:
        """Know why a board is missing: those who wait in vain are told."""
        self.failure = error
        log.event("a board is missing", pool=self.config.name, why=str(error))


def _limit(rate: float | None, burst: int) -> tuple[float, int] | None:
    return None if rate is None else (rate, burst)


def jittered(seconds: float) -> float:
    """Return a time that is a little longer or shorter."""
    return seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - nothing secret: it spreads work
