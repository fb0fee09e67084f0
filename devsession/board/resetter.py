"""Resetting a board, and waiting until the same board is back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from devsession.board.deadline import Deadline
from devsession.board.expect import Expecter
from devsession.board.job import Job
from devsession.board.log import log
from devsession.board.performer import Performer
from devsession.board.prompt import Prompt
from devsession.board.recovery import Recovery
from devsession.board.resets import START_FILES, Reset, ResetReport, check_runs_main, read_start
from devsession.board.switches import Rung, Switches
from devsession.errors import (
    BoardSwappedError,
    CapabilityError,
    DeadlineError,
    DeviceError,
    ExpectError,
    LinkError,
    RemoteProtocolError,
)
from devsession.protocol.commands import Command
from devsession.protocol.entry import EAGER, GREETING, PATIENT
from devsession.protocol.events import Ending, Finished, Output, Rebooted
from devsession.protocol.source import Mode
from devsession.protocol.titles import TitleFilter

# How long main.py may run before it is stopped, when a reset is to end at the prompt: what ends within it is not disturbed.
MAIN_TIME = 0.5
# How long a board has to answer `machine.reset()` with a traceback; silence means that it does as it is told.
REFUSAL_TIME = 0.25
# How long to wait for a sign of life after a reset that is not announced: boot.py and main.py may print nothing.
SIGN_TIME = 3.0
# The prompt of the new start, with its greeting: one of the REPL that was left before a soft reset may still be on its way.
_PROMPT = GREETING.decode() + r"(?s:.*)>>> \Z|REPL\.|to reload\."
_BOOTLOADERS = {
    "machine": b"import machine\nmachine.bootloader()",
    "microcontroller": b"import microcontroller as m\nm.on_next_reset(m.RunMode.BOOTLOADER)\nm.reset()",
}
# CircuitPython has another module for its chip.
_RESET = b"try:import machine as m\nexcept ImportError:import microcontroller as m\nm.reset()"
# Whose rules say what runs at a start, and what is there.
_STARTS = "(__import__('sys').implementation[0],__import__('os').listdir())"
# What is raised by a function, or a module, that is not there.
_ABSENT = frozenset({"AttributeError", "ImportError"})
_CHIPS = ("__import__('machine').unique_id()", "bytes(__import__('microcontroller').cpu.uid)")


class Resetter:
    """Resets one board in every way there is; the caller sees to it that nothing else happens at its prompt."""

    def __init__(self, prompt: Prompt, performer: Performer, recovery: Recovery, switches: Switches) -> None:
        self._prompt = prompt
        self._performer = performer
        self._recovery = recovery
        self._switches = switches
        self._chip: bytes | None = None
        self._starts: dict[Reset, Callable[[Deadline], Awaitable[None]]] = {
            Reset.SOFT: self._soft,
            Reset.MACHINE: self._machine,
            Reset.LINE: lambda deadline: self._switch(Rung.HARD, deadline),
            Reset.POWER: lambda deadline: self._switch(Rung.POWER, deadline),
        }

    async def reset(self, kind: Reset, deadline: Deadline) -> ResetReport:
        """Start the interpreter anew and wait for its raw prompt; main.py has a moment, then it is stopped.

        Raises DeadlineError, UsageError where the board has no such switch, DeviceError when it refuses, BoardSwappedError,
        LinkLostError. When cancelled the board is brought to its prompt first, where that can be.
        """
        begun, position = time.monotonic(), self._prompt.output.end
        with log.phase("reset", board=self._prompt.url, kind=kind.value):
            if kind is Reset.RAW_SOFT:
                reopened = False
                await self.raw_soft(deadline)
            else:
                await self._know_chip(deadline)
                reopened = await self._start(kind, deadline)
                await self._let_main_run(position)
                await self._switches.come_back(deadline, PATIENT)
                await self._check_chip(deadline)
        seconds = time.monotonic() - begun
        # A board that starts anew while a program runs sends its titles as that program's output.
        titles = TitleFilter()
        printed = titles.feed(self._prompt.output.since(position)[1]) + titles.flush()
        boot, main = read_start(kind, *await self._start_files(deadline), printed)
        text = printed.decode("utf-8", "backslashreplace")
        return ResetReport(kind, boot, main, round(seconds, 3), text, reopened)

    async def boot(self, kind: Reset, deadline: Deadline) -> None:
        """Start the interpreter anew and leave it alone: main.py runs. Returns at the first sign of life.

        Raises what ``reset`` does, and UsageError for a kind that does not run main.py.
        """
        check_runs_main(kind)
        with log.phase("boot", board=self._prompt.url, kind=kind.value):
            await self._know_chip(deadline)
            await self._start(kind, deadline)
        self._prompt.interpreter.begin_epoch()

    async def raw_soft(self, deadline: Deadline) -> None:
        """Do no more than Ctrl-D in the raw REPL: one turn. Raises DeadlineError."""
        prompt = self._prompt
        await prompt.ensure(deadline)
        prompt.interpreter.begin_epoch()
        prompt.wire.soft_reset()
        try:
            await prompt.wait(Rebooted, deadline)
        except (TimeoutError, asyncio.CancelledError) as reason:
            await self._recovery.climb("soft reset")
            if isinstance(reason, TimeoutError):
                raise self._late("the soft reset did not end", deadline) from None
            raise

    async def catch(self, deadline: Deadline) -> None:
        """Reset the board from outside, if it has a switch, and enter the raw REPL before its main.py keeps us from it."""
        rung = next((rung for rung in (Rung.HARD, Rung.POWER) if self._switches.has(rung)), None)
        with log.phase("catch", board=self._prompt.url, switch=rung.name.lower() if rung else None):
            if rung is not None:
                await self._switch(rung, deadline)
            await self._switches.come_back(deadline, EAGER)

    async def bootloader(self, deadline: Deadline) -> None:
        """Start the chip's boot loader; raises CapabilityError where the firmware has no function for it."""
        await self._prompt.ensure(deadline)
        chip = "microcontroller" if await self._has("microcontroller", deadline) else "machine"
        try:
            await self._leap(_BOOTLOADERS[chip], "the boot loader", deadline)
        except DeviceError as error:
            if error.kind not in _ABSENT:
                raise
            raise CapabilityError(
                "this firmware",
                missing=("a function that starts its boot loader",),
                unknown={},
                board=self._prompt.url,
            ) from error
        self._prompt.interpreter.begin_epoch()

    # How each kind begins

    async def _soft(self, deadline: Deadline) -> None:
        await self._prompt.ensure(deadline)
        await self._prompt.leave(deadline)
        self._prompt.wire.restart()

    async def _machine(self, deadline: Deadline) -> None:
        await self._prompt.ensure(deadline)
        await self._leap(_RESET, "machine.reset()", deadline)

    async def _leap(self, code: bytes, what: str, deadline: Deadline) -> None:
        """Run code that ends the interpreter: no answer is the right one; raises DeviceError when it refuses."""
        prompt = self._prompt
        prompt.job = job = Job("", Mode.EXEC, what, deadline, log=prompt.output)
        try:
            prompt.wire.submit(Command(code, None))
            event = await prompt.wait((Finished, Output), Deadline.after(REFUSAL_TIME))
        except (TimeoutError, LinkError):
            event = None
        finally:
            prompt.job = None
        if isinstance(event, Finished) and event.ending is Ending.FRAMED:
            raise job.conclude(event, prompt.url).error or RemoteProtocolError(
                f"{what} returned", board=prompt.url, phase="reset"
            )
        self._let_go()

    async def _switch(self, rung: Rung, deadline: Deadline) -> None:
        self._let_go()
        await self._switches.use(rung, deadline)

    def _let_go(self) -> None:
        if self._prompt.wire.lost is None:
            self._prompt.wire.let_go()

    # Waiting for the board

    async def _start(self, kind: Reset, deadline: Deadline) -> bool:
        """Reset, and wait for a sign of life; return whether the link had to be opened anew."""
        output = self._prompt.output
        position = output.end
        await self._starts[kind](deadline)
        try:
            async with asyncio.timeout(deadline.within(SIGN_TIME)):
                while output.end == position and self._prompt.wire.lost is None:
                    await output.changed()
        except TimeoutError:
            log.event("silent after the reset", board=self._prompt.url)
        if self._prompt.wire.lost is None:
            return False
        await self._switches.reopen(deadline)
        return True

    async def _let_main_run(self, position: int) -> None:
        prompt = self._prompt
        lost = lambda: "the link was lost" if prompt.wire.lost is not None else None  # noqa: E731
        try:
            await Expecter(prompt.output, lost, prompt.url, position).expect(_PROMPT, MAIN_TIME)
        except ExpectError as error:
            log.event("main.py goes on", board=prompt.url, why=error.message)

    # Whether it is the same

    async def _know_chip(self, deadline: Deadline) -> None:
        if self._chip is None and self._prompt.is_ready:
            self._chip = await self._read_chip(deadline)

    async def _check_chip(self, deadline: Deadline) -> None:
        if self._chip is None:
            return
        found = await self._read_chip(deadline)
        if found != self._chip:
            raise BoardSwappedError(
                "another board answers after the reset",
                expected=self._chip.hex(),
                found=found.hex() if found else "unknown",
                board=self._prompt.url,
            )

    async def _read_chip(self, deadline: Deadline) -> bytes | None:
        for expression in _CHIPS:
            try:
                value = await self._eval(expression, deadline)
            except DeviceError:
                continue
            if isinstance(value, bytes):
                return value
        return None

    async def _has(self, module: str, deadline: Deadline) -> bool:
        try:
            await self._eval(f"__import__({module!r}) is None", deadline)
        except DeviceError:
            return False
        return True

    async def _start_files(self, deadline: Deadline) -> tuple[str, list[str]]:
        match await self._eval(_STARTS, deadline):
            case (str(implementation), list(there)):
                return implementation, [name for name in START_FILES if name in there]
            case _:
                return "", []

    async def _eval(self, expression: str, deadline: Deadline) -> object:
        interpreter = self._prompt.interpreter
        ran = interpreter.user_ran
        job = Job(expression, Mode.EVAL, "the check after a reset", deadline)
        execution = job.conclude(await self._performer.perform(job), self._prompt.url)
        # A question of ours leaves nothing behind that somebody could miss.
        interpreter.user_ran = ran
        if execution.error is not None:
            raise execution.error
        return execution.value

    def _late(self, what: str, deadline: Deadline) -> DeadlineError:
        return DeadlineError(
            f"{what} within {deadline.timeout:g} s; it was interrupted, and the board was reset and is usable",
            timeout=deadline.timeout or 0.0,
            reset=True,
            board=self._prompt.url,
            phase="reset",
        )
