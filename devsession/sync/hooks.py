"""Functions that a user hands in to be called later: in a thread of their own, where they may call devsession.sync again."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from typing import Any


async def in_thread(function: Callable[[], Any]) -> None:
    """Call ``function`` in a thread of its own; what it returns to be awaited is awaited here. Raises what it raises.

    When cancelled the thread is left behind: nothing can stop it, and it does not hold up the end of the interpreter.
    """
    called: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    threading.Thread(target=_call, args=(function, called), name="devsession-sync hook", daemon=True).start()
    result = await called
    if inspect.isawaitable(result):
        await result


def _call(function: Callable[[], Any], called: asyncio.Future[Any]) -> None:
    settle: Callable[[Any], None]
    outcome: Any
    try:
        settle, outcome = called.set_result, function()
    except BaseException as error:  # noqa: BLE001 - it is raised again where it is awaited
        settle, outcome = called.set_exception, _raisable(error)

    def tell() -> None:
        if not called.done():
            settle(outcome)

    loop = called.get_loop()
    if not loop.is_closed():
        loop.call_soon_threadsafe(tell)


def _raisable(error: BaseException) -> Exception:
    """Return what a loop can carry: SystemExit and the like would end it, StopIteration has a meaning of its own there."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    wrapped = RuntimeError(f"a function called by devsession.sync raised {error!r}")
    wrapped.__cause__ = error
    return wrapped
