"""Looks after a pool from time to time: what is due, which boards come and go, and what others are shown of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from devsession.pool.runner import Runner
from devsession.pool.upkeep import due, next_time

# Seconds between two looks for boards that come and go: as long as people take to plug one in. A look costs some milliseconds.
DISCOVER_INTERVAL = 2.0
# Seconds between two times that other processes are shown how the pool stands.
SHOW_INTERVAL = 0.5


class Keeper:
    """Does what is due, until it is cancelled."""

    def __init__(self, runner: Runner, show: Callable[[], None]) -> None:
        self._runner = runner
        self._show = show
        config = runner.config
        # What begins to run while nobody looks, such as the idle time of a board given back, is over after this at the earliest.
        self._longest = min(config.health_interval, config.idle_timeout, DISCOVER_INTERVAL)

    async def keep(self) -> None:
        """Look after the pool for ever."""
        runner, discover_at, show_at = self._runner, time.monotonic() + DISCOVER_INTERVAL, 0.0
        while True:
            runner.changed.clear()
            if time.monotonic() >= discover_at:
                await runner.roster.discover()
                discover_at = time.monotonic() + DISCOVER_INTERVAL
            now = time.monotonic()
            runner.perform(due(runner.planner, now))
            runner.decide()
            if now >= show_at:
                self._show()
                show_at = now + SHOW_INTERVAL
            await self._pause(next_time(runner.planner, now) - now)

    async def _pause(self, seconds: float) -> None:
        longest = self._longest if self._runner.store is None else min(self._longest, SHOW_INTERVAL)
        try:
            async with asyncio.timeout(min(max(seconds, 0.0), longest)):
                await self._runner.changed.wait()
        except TimeoutError:
            return
