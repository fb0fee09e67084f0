"""What is to be cleaned up at the end: one after the other, the last first, each with a deadline, none skipped when another fails."""

from __future__ import annotations

import asyncio
import enum
import inspect
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from devsession.board.board import BUSY_TIME
from devsession.board.log import log
from devsession.errors import DeadlineError, DeviceError

# Seconds that each clean-up may take (DESIGN 4).
CLEANUP_TIMEOUT = 5.0


class ResourceState(enum.Enum):
    """Where a resource stands."""

    REGISTERED = "registered"
    ACTIVE = "active"
    RELEASED = "released"
    FAILED = "failed"  # its clean-up raised, or took too long
    GONE = "gone"  # it was on the board, and the board started anew


@runtime_checkable
class Resource(Protocol):
    """Something that a session holds and gives back: a power supply, a fixture, a pin of the board.

    ``id`` is unique in its session, ``type`` a word for listings. Both methods may be async.
    """

    id: str
    type: str

    def initialise(self) -> Awaitable[None] | None:
        """Make it ready; when this raises it is not registered."""

    def cleanup(self) -> Awaitable[None] | None:
        """Give it back."""


@dataclass(slots=True)
class Held:
    """One thing to clean up: its ``id`` and ``type``, in which ``state`` it is, whether it is on the board and can be made again there."""

    id: str
    type: str
    cleanup: Callable[[], Any]
    on_board: bool = False
    make_again: Callable[[], Awaitable[None]] | None = None
    state: ResourceState = ResourceState.ACTIVE


def tell_failures(failures: ExceptionGroup[Exception], error: BaseException | None, what: str) -> None:
    """Raise what clean-ups raised; or note it on the ``error`` that ended the block, which is what its caller wants to know."""
    if error is None:
        raise failures
    error.add_note(f"and {what} failed: {[str(failure) for failure in failures.exceptions]}")


class CleanupStack:
    """What one session has to clean up, in the order in which it came."""

    def __init__(self, timeout: float = CLEANUP_TIMEOUT) -> None:
        self._timeout = timeout
        self._held: list[Held] = []
        self._numbers = itertools.count(1)

    @property
    def held(self) -> tuple[Held, ...]:
        """What is held, in the order in which it came."""
        return tuple(self._held)

    def push(
        self,
        cleanup: Callable[[], Any],
        *,
        kind: str = "callback",
        name: str | None = None,
        on_board: bool = False,
    ) -> Held:
        """Hold something; ``cleanup`` may be async. With ``on_board`` it is left out when the board has started anew."""
        held = Held(name or f"{kind}-{next(self._numbers)}", kind, cleanup, on_board)
        self._held.append(held)
        return held

    def discard(self, held: Held) -> None:
        """Hold it no more, if it is held, without cleaning up."""
        if held in self._held:
            self._held.remove(held)

    def board_started_anew(self) -> None:
        """Know that what was on the board is gone."""
        for held in self._held:
            if held.on_board:
                held.state = ResourceState.GONE

    @property
    def has_gone(self) -> bool:
        """Whether something of it went when the board started anew."""
        return any(held.state is ResourceState.GONE for held in self._held)

    async def restore(self) -> None:
        """Make again what went when the board started anew, in the order in which it came; what cannot be made stays gone."""
        for held in self.held:
            if held.state is ResourceState.GONE and held.make_again is not None:
                try:
                    await held.make_again()
                except DeviceError as error:
                    log.event("not made again", resource=held.id, why=str(error))
                else:
                    held.state = ResourceState.ACTIVE

    async def release(self, held: Held) -> None:
        """Clean up one thing now, out of its turn; raises what its clean-up does."""
        self._held.remove(held)
        await self._clean(held)

    async def unwind(self) -> list[Exception]:
        """Clean up everything, the last first, and return what was raised. When cancelled the rest is still cleaned up."""
        failures: list[Exception] = []
        busy: DeadlineError | None = None
        while self._held:
            held = self._held.pop()
            if held.on_board and busy is not None and held.state is not ResourceState.GONE:
                # It was waited for once.
                held.state = ResourceState.FAILED
                failures.append(busy)
                continue
            try:
                await self._clean(held)
            except Exception as error:  # noqa: BLE001 - gathered, and raised together at the end
                failures.append(error)
                if isinstance(error, DeadlineError) and error.phase == "queue":
                    busy = error
        return failures

    async def _clean(self, held: Held) -> None:
        if held.state is ResourceState.GONE:
            return
        held.state = ResourceState.FAILED
        # What is on the board may have to wait for the program of another session; its own deadline begins after that.
        allowed = self._timeout + (BUSY_TIME if held.on_board else 0)
        with log.phase("cleanup", resource=held.id):
            try:
                async with asyncio.timeout(allowed) as limit:
                    done = held.cleanup()
                    if inspect.isawaitable(done):
                        await done
            except TimeoutError as error:
                if not limit.expired():
                    raise
                raise DeadlineError(
                    f"the clean-up of {held.id} did not end within {allowed:g} s",
                    timeout=allowed,
                    phase="cleanup",
                ) from error
        held.state = ResourceState.RELEASED
