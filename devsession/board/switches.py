"""What resets a board from outside, and finds it again when its link went away with that."""

from __future__ import annotations

import asyncio
import enum
import inspect
from collections.abc import Awaitable, Callable

from devsession.board.deadline import Deadline
from devsession.board.log import log
from devsession.board.prompt import Prompt
from devsession.errors import BoardNotFoundError, DeadlineError, LinkError, LinkLostError, UsageError
from devsession.protocol.entry import Approach
from devsession.transport.base import Transport

# A board on USB is gone for 0.2 to 3 s after a reset; looking costs a millisecond.
LOOK_AGAIN = 0.1

PowerHook = Callable[[], Awaitable[None]] | Callable[[], None]
Reopen = Callable[[], Transport]


class Rung(enum.IntEnum):
    """How far recovery may go; each rung includes those before it.

    From ``SOFT`` on the interpreter starts anew: boot.py and main.py run, pins change, motors may move.
    """

    PROMPT = 1  # leave and enter the raw REPL
    SOFT = 2  # Ctrl-D at the friendly prompt
    HARD = 3  # the reset line of the link: RTS/DTR, or a simulator's own reset
    POWER = 4  # the power hook


class Switches:
    """The reset line of a board's link, its power hook, and the way to open its link anew; each may be missing."""

    def __init__(self, prompt: Prompt, reopen: Reopen | None, power: PowerHook | None) -> None:
        self._prompt = prompt
        self._reopen = reopen
        self._power = power

    def has(self, rung: Rung) -> bool:
        """Whether there is what ``rung`` needs."""
        if rung is Rung.HARD:
            return self._prompt.wire.transport.can_reset
        return rung is not Rung.POWER or self._power is not None

    async def use(self, rung: Rung, deadline: Deadline) -> None:
        """Reset the board from outside, where ``rung`` does that; it may be gone afterwards.

        Raises UsageError where there is no such switch, LinkError when it fails, DeadlineError.
        """
        if not self.has(rung):
            what = "reset line" if rung is Rung.HARD else "power hook"
            raise UsageError(f"this board has no {what}", hint="see `connect`: power=, or Pins(pulse=)")
        try:
            async with asyncio.timeout(deadline.remaining):
                if rung is Rung.HARD:
                    await self._prompt.wire.transport.reset_board()
                elif rung is Rung.POWER:
                    await self._cycle_power()
        except TimeoutError:
            raise self._late("the switch was not thrown", deadline) from None

    async def come_back(self, deadline: Deadline, approach: Approach) -> None:
        """Enter the raw REPL of the board that was reset, over its link or a new one; raises what ``Prompt.enter`` does."""
        while True:
            if self._prompt.wire.lost is not None:
                await self.reopen(deadline)
            try:
                return await self._prompt.enter(deadline, approach, reset=True)
            except LinkLostError:
                # It had not gone yet when it was asked.
                if self._reopen is None:
                    raise

    async def reopen(self, deadline: Deadline) -> None:
        """Open a new link to the same board, as soon as it is there; raises DeadlineError, and LinkLostError where there is no way."""
        lost = self._prompt.wire.lost
        if self._reopen is None:
            raise lost or LinkLostError("the link cannot be opened anew", board=self._prompt.url)
        with log.phase("reopen", board=self._prompt.url):
            try:
                async with asyncio.timeout(deadline.remaining):
                    while not await self._opened(self._reopen):  # noqa: ASYNC110
                        # Nothing tells everywhere that a port has come: it is looked for.
                        await asyncio.sleep(LOOK_AGAIN)
            except TimeoutError:
                raise self._late("the board did not come back", deadline) from lost

    async def _opened(self, reopen: Reopen) -> bool:
        try:
            await self._prompt.relink(reopen())
        except (LinkError, BoardNotFoundError) as error:
            log.event("not there yet", board=self._prompt.url, said=error.message)
            return False
        return True

    async def _cycle_power(self) -> None:
        assert self._power is not None
        if inspect.iscoroutinefunction(self._power):
            await self._power()
        else:
            await asyncio.to_thread(self._power)

    def _late(self, what: str, deadline: Deadline) -> DeadlineError:
        return DeadlineError(
            f"{what} within {deadline.timeout:g} s",
            timeout=deadline.timeout or 0.0,
            board=self._prompt.url,
            phase="reset",
        )
