"""Those who want to be told of something, plain functions or async ones; what goes wrong with them harms nobody."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from devsession.board.log import log

_E = TypeVar("_E")

# How long async listeners may go on after the end of what they listen to: seconds, as long as a clean-up may take.
SETTLING_TIME = 5.0

Listener = Callable[[_E], None] | Callable[[_E], Awaitable[None]]


class Listeners(Generic[_E]):
    """The listeners of one kind of event: ``add`` and ``remove`` them, call it to tell them.

    Plain functions are called at once, on the loop; async ones run as tasks, in the order of events only as far as they do not wait.
    One that raises is logged, and the others are told all the same.
    """

    def __init__(self) -> None:
        self._listeners: list[Listener[_E]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, listener: Listener[_E]) -> Listener[_E]:
        """Tell ``listener`` from now on; returns it, so that this can be a decorator."""
        self._listeners.append(listener)
        return listener

    def remove(self, listener: Listener[_E]) -> None:
        """Tell ``listener`` no more; raises ValueError when it was not told before."""
        self._listeners.remove(listener)

    def __call__(self, event: _E) -> None:
        """Tell every listener."""
        for listener in tuple(self._listeners):
            try:
                told: Any = listener(event)
            except Exception as error:  # noqa: BLE001 - whatever a listener raises is its own affair
                self._failed(listener, error)
            else:
                if inspect.isawaitable(told):
                    self._start(listener, told)

    async def settle(self) -> None:
        """Wait until the async listeners that were told have ended, or cancel them; for the end of whoever tells."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=SETTLING_TIME)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    def _start(self, listener: Listener[_E], told: Awaitable[None]) -> None:
        async def listen() -> None:
            try:
                await told
            except Exception as error:  # noqa: BLE001 - as above
                self._failed(listener, error)

        task = asyncio.get_running_loop().create_task(listen())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _failed(self, listener: Listener[_E], error: Exception) -> None:
        log.event("a listener raised", listener=repr(listener), error=type(error).__name__, said=str(error))
