"""The only owner of a wire: one thing at a time, each with a deadline, and a board that stays usable after every one."""

from __future__ import annotations

import asyncio
import importlib.util
import re
from typing import Any, TypeVar

from devsession.board.deadline import Deadline
from devsession.board.execution import OutputTail
from devsession.board.job import Job
from devsession.board.log import log
from devsession.board.wire import Wire
from devsession.errors import (
    DeadlineError,
    DeviceResetError,
    DevsessionError,
    LinkError,
    ProtocolError,
    RawReplError,
    RecoveryError,
    RemoteProtocolError,
    UncertainExecutionError,
    UsageError,
)
from devsession.protocol import source as sources
from devsession.protocol.commands import Command
from devsession.protocol.entry import GREETING, classify
from devsession.protocol.events import Attached, Detached, Ending, Event, Finished, Rebooted, Stray
from devsession.protocol.records import NONCE_BITS, Key
from devsession.protocol.source import Mode
from devsession.protocol.states import BUSY, State
from devsession.transport.base import Transport

# How long a program may go on after its first Ctrl-C, with more of them following, before the raw REPL is asked for instead.
STOP_LIMIT = 5.0
# How long asking for the raw REPL may take then.
REENTER_LIMIT = 5.0
# How long the helper may take to tell what it started last: a prompt answers in milliseconds.
ASK_LIMIT = 1.0
# A plain raw command up to this size fits every board, also one with 9 KB of heap (6,000 bytes were fine there, 7,000 were not).
PLAIN_ALWAYS = 2048
# The share of the free heap that a plain command may take: it is held whole, then once more as a string, then compiled.
PLAIN_SHARE = 8
# Nothing is gained by longer plain commands: raw-paste costs two turns more and is never in danger.
PLAIN_MOST = 16384

_E = TypeVar("_E", bound=Event)


class Owner:
    """Performs jobs on one wire; the caller sees to it that there is one at a time.

    ``epoch`` counts the lives of the interpreter seen on this connection; ``background`` keeps what the board printed outside any job.
    """

    def __init__(self, transport: Transport) -> None:
        self.wire = Wire(transport, self)
        self.url = transport.url
        self.epoch = 0
        self.background = OutputTail()
        self.failure: RecoveryError | None = None
        self._flow = transport.flow
        self._random_bits = transport.random_bits
        self._nonce = 0
        self._number = 0
        self._deployed = False
        self._user_ran = False
        self._raw_paste = True
        self._free_heap: int | None = None
        self._job: Job | None = None
        self._awaited: tuple[type[Any], asyncio.Future[Any]] | None = None
        self._helper = sources.compact(_read_helper())

    # Listener of the wire

    def happened(self, event: Event) -> None:
        """Take one event from the wire."""
        if isinstance(event, Stray):
            self.background.append(event.data)
        elif self._job is not None:
            self._job.take(event)
        if self._awaited is not None and isinstance(event, self._awaited[0]) and not self._awaited[1].done():
            self._awaited[1].set_result(event)

    def failed(self, error: DevsessionError) -> None:
        """Take the end of the link, or the board's breach of the protocol."""
        log.event("wire failed", board=self.url, error=type(error).__name__, said=error.message)
        if self._awaited is not None and not self._awaited[1].done():
            self._awaited[1].set_exception(error)

    async def _wait(self, kind: type[_E], deadline: Deadline) -> _E:
        future: asyncio.Future[_E] = asyncio.get_running_loop().create_future()
        self._awaited = (kind, future)
        try:
            async with asyncio.timeout(deadline.remaining):
                return await future
        finally:
            self._awaited = None

    # What can be asked for

    async def enter(self, deadline: Deadline) -> None:
        """Enter the raw REPL, whatever the board is doing.

        Raises RawReplError that names what answered instead, LinkLostError. When cancelled the board may be in either REPL.
        """
        with log.phase("enter", board=self.url):
            self.wire.enter()
            try:
                attached = await self._wait(Attached, deadline)
            except TimeoutError:
                raise self._no_raw_repl(deadline) from None
        if self._nonce and re.search(GREETING, attached.noise):
            self.new_epoch()
        self._nonce = self._random_bits(NONCE_BITS)
        self._deployed = False
        self.failure = None

    def _no_raw_repl(self, deadline: Deadline) -> RawReplError:
        heard = self.wire.heard
        verdict = classify(heard)
        return RawReplError(
            f"could not enter the raw REPL within {deadline.timeout:g} s: {verdict.message}",
            verdict=verdict.name,
            board=self.url,
            seen=heard,
            hint=verdict.hint,
        )

    async def perform(self, job: Job) -> Finished:
        """Run one job to its end, and return how it ended.

        Raises DeadlineError (the program was interrupted, the board is usable), DeviceResetError, UncertainExecutionError, LinkLostError,
        RecoveryError, UsageError. When cancelled the program is interrupted first.
        """
        with log.phase("exec", board=self.url, program=job.program):
            finished = await self._transact(job)
            while not job.started and (again := self._not_started(job, finished)):
                log.event("exec again", board=self.url, why=again)
                finished = await self._transact(job)
        if finished.ending is Ending.RESET:
            self.new_epoch()
            raise DeviceResetError(
                "the board was reset while the program ran",
                board=self.url,
                phase="exec",
                seen=finished.error[-200:],
            )
        self._user_ran = self._user_ran or job.started
        return finished

    async def soft_reset(self, deadline: Deadline) -> None:
        """Start the interpreter anew: boot.py runs, main.py does not. Raises DeadlineError when boot.py takes longer."""
        await self._at_prompt(deadline)
        with log.phase("soft reset", board=self.url):
            self.new_epoch()
            self.wire.soft_reset()
            try:
                await self._wait(Rebooted, deadline)
            except (TimeoutError, asyncio.CancelledError) as reason:
                await self._reenter(["soft reset"])
                if isinstance(reason, TimeoutError):
                    raise self._late("the soft reset", deadline, reset=True) from None
                raise

    async def leave(self, deadline: Deadline) -> None:
        """Go back to the friendly REPL, so that the next user finds a prompt; a board that says nothing is left all the same."""
        if self.wire.state is State.READY:
            with log.phase("detach", board=self.url):
                self.wire.leave()
                try:
                    await self._wait(Detached, deadline)
                except TimeoutError:
                    raise DeadlineError(
                        "the board did not leave the raw REPL",
                        timeout=deadline.timeout or 0.0,
                        board=self.url,
                        phase="detach",
                    ) from None

    def new_epoch(self) -> None:
        """Forget what depended on the interpreter's life."""
        self.epoch += 1
        self._deployed = self._user_ran = False
        self._free_heap = None

    # One command

    async def _transact(self, job: Job) -> Finished:
        await self._at_prompt(job.deadline)
        command = self._command(job)
        epoch = self.epoch
        job.pasted = command.paste
        self._job = job
        try:
            self.wire.submit(command)
            finished = await self._wait(Finished, job.deadline)
        except LinkError as error:
            raise self._after_loss(job, error) from error
        except ProtocolError:
            await self._stop()
            raise
        except (TimeoutError, asyncio.CancelledError) as reason:
            await self._stop()
            if isinstance(reason, TimeoutError):
                # The answer may have been lost on the way: the helper knows which exec it started last.
                started = job.started or await self._has_started(command)
                reset = self.epoch != epoch
                raise self._late(
                    job.program, job.deadline, bytes(job.output), reset=reset, started=started
                ) from None
            raise
        finally:
            self._job = None
        if job.started:
            self._deployed = True
            self._free_heap = job.free_heap or self._free_heap
        return finished

    async def _at_prompt(self, deadline: Deadline) -> None:
        if self.failure is not None:
            raise self.failure
        if self.wire.lost is not None:
            raise self.wire.lost
        if self.wire.state is not State.READY:
            await self.enter(deadline)

    def _command(self, job: Job) -> Command:
        self._number += 1
        key = Key(self._nonce, self._number)
        text = (
            ("" if self._deployed else self._helper) + job.prelude + sources.call(key, job.mode, job.source)
        )
        try:
            code = text.encode()
        except UnicodeEncodeError as error:
            raise UsageError(
                f"the source holds a character that has no UTF-8 form: {error}", phase="exec"
            ) from error
        room = min(PLAIN_MOST, max(PLAIN_ALWAYS, (self._free_heap or 0) // PLAIN_SHARE))
        if self._raw_paste and len(code) > min(room, self._flow.burst):
            return Command(code, key, paste=True)
        if len(code) > room:
            raise UsageError(
                f"{len(code)} bytes are too many: the board has no raw-paste, and {self._free_heap or 'unknown'} bytes of heap",
                board=self.url,
                phase="exec",
                hint="send the program in smaller parts, or put it there as a file",
            )
        return Command(code, key)

    def _not_started(self, job: Job, finished: Finished) -> str:
        """Say why a job that the board did not start is to be sent again; empty when it is not.

        Only where the board's own answer shows that nothing of it ran (DESIGN: at most once).
        """
        if job.paste_refused and self._raw_paste:
            self._raw_paste = False
            return "no raw-paste"
        if finished.ending is Ending.FRAMED and not finished.error:
            if not job.pasted:
                raise RemoteProtocolError(
                    "the helper on the board did not answer",
                    board=self.url,
                    phase="exec",
                    hint=f"does the program use {sources.HELPER}?",
                )
            # It announced raw-paste and ended it at once. What it makes of the bytes sent meanwhile is cleared by entering again.
            self._raw_paste = False
            self.wire.engine.distrust()
            return "raw-paste failed"
        if self._deployed and b"NameError" in finished.error and sources.HELPER.encode() in finished.error:
            lost_something = self._user_ran
            self.new_epoch()
            if lost_something:
                raise DeviceResetError(
                    "the board was reset since the last exec; what was defined there is gone, and this program was not run",
                    board=self.url,
                    phase="exec",
                    hint="run it again on the fresh interpreter",
                )
            return "helper missing"
        return ""

    def _after_loss(self, job: Job, error: LinkError) -> DevsessionError:
        error.phase = "exec"
        if job.started:
            error.hint = error.hint or f"{job.program} was running; how far it came is unknown"
            return error
        if not self.wire.handed_over:
            error.hint = error.hint or f"{job.program} was not started"
            return error
        return UncertainExecutionError(
            f"the link was lost before the board said whether {job.program} started: {error.message}",
            board=self.url,
            phase="exec",
        )

    # Bringing the board back

    async def _stop(self) -> None:
        """Interrupt what runs, until the prompt is there; up the ladder when that does not help."""
        if self.wire.state in BUSY:
            with log.phase("interrupt", board=self.url):
                self.wire.interrupt()
                try:
                    finished = await self._wait(Finished, Deadline.after(STOP_LIMIT))
                except TimeoutError:
                    await self._reenter([f"Ctrl-C for {STOP_LIMIT:g} s"])
                else:
                    if finished.ending is Ending.RESET:
                        self.new_epoch()
        elif self.wire.state is not State.READY and self.wire.lost is None:
            await self._reenter([])

    async def _reenter(self, tried: list[str]) -> None:
        tried.append(f"entering the raw REPL for {REENTER_LIMIT:g} s")
        try:
            await self.enter(Deadline.after(REENTER_LIMIT))
        except RawReplError as error:
            self.failure = RecoveryError(
                f"the board did not come back to its prompt; tried: {', '.join(tried)}",
                tried=tuple(tried),
                board=self.url,
                seen=error.seen,
                hint=error.hint,
            )
            raise self.failure from error

    async def _has_started(self, command: Command) -> bool | None:
        """Ask the helper whether ``command`` was the last it started; ``None`` when it cannot tell."""
        if self.wire.state is not State.READY or command.key is None:
            return None
        self._number += 1
        key = Key(self._nonce, self._number)
        self._job = Job("", Mode.LAST, "the question what started", Deadline.after(ASK_LIMIT))
        try:
            self.wire.submit(Command(sources.call(key, Mode.LAST, "").encode(), key))
            finished = await self._wait(Finished, self._job.deadline)
            last = self._job.conclude(finished, self.url).value
        except TimeoutError:
            await self._stop()
            return None
        finally:
            self._job = None
        return None if last is None else last == [command.key.nonce, command.key.number]

    def _late(
        self, what: str, deadline: Deadline, output: bytes = b"", *, reset: bool, started: bool | None = None
    ) -> DeadlineError:
        how = "was reset while being interrupted, and is usable" if reset else "is usable"
        did = (
            "was never started"
            if started is False
            else f"did not end within {deadline.timeout:g} s; it was interrupted"
        )
        return DeadlineError(
            f"{what} {did}, and the board {how}",
            timeout=deadline.timeout or 0.0,
            output=output,
            reset=reset,
            started=started,
            board=self.url,
            phase="exec",
        )


def _read_helper() -> str:
    """Return the helper's source as packaged: what importlib.resources would, without the 9 ms a command takes to import that."""
    spec = importlib.util.find_spec("firmware_helpers")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    loader: Any = spec.loader
    data: bytes = loader.get_data(f"{spec.submodule_search_locations[0]}/execute.py")
    return data.decode()
