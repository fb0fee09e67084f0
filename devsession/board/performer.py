"""Performing jobs: one command after the other, each with a deadline, each at most once."""

from __future__ import annotations

import asyncio

from devsession.board.deadline import Deadline
from devsession.board.exchange import SourceError
from devsession.board.happenings import Happening
from devsession.board.helper import Helper, emitter
from devsession.board.job import Job
from devsession.board.log import log
from devsession.board.prompt import Prompt
from devsession.board.recovery import Recovery
from devsession.board.refusals import why_again
from devsession.errors import (
    DeadlineError,
    DeviceResetError,
    DevsessionError,
    LinkError,
    ProtocolError,
    RecoveryError,
    UncertainExecutionError,
    UsageError,
)
from devsession.protocol import source as sources
from devsession.protocol.commands import Command
from devsession.protocol.events import Ending, Finished
from devsession.protocol.source import Mode

# How long the helper may take to tell what it started last: a prompt answers in milliseconds.
ASK_LIMIT = 1.0
# A plain raw command up to this size does no harm to any board, also one with 9 KB of heap (6,000 bytes were fine there, 7,000 not).
PLAIN_ALWAYS = 3072
# The share of the free heap that a plain command may take: it is held whole, then once more as a string, then compiled.
PLAIN_SHARE = 8
# What of it a board with little heap can take, which is tight already: more may hang it.
PLAIN_LITTLE = 3
# Nothing is gained by longer plain commands: raw-paste costs two turns more and is never in danger.
PLAIN_MOST = 16384


class Performer:
    """Performs jobs at one board's prompt; the caller sees to it that there is one at a time."""

    def __init__(self, prompt: Prompt, recovery: Recovery) -> None:
        self._prompt = prompt
        self._interpreter = prompt.interpreter
        self._recovery = recovery
        self._helper = Helper(prompt)

    async def perform(self, job: Job) -> Finished:
        """Run one job to its end, and return how it ended.

        Raises DeadlineError (the program was interrupted, the board is usable), DeviceResetError, UncertainExecutionError, LinkLostError,
        RecoveryError, UsageError. When cancelled the program is interrupted first.
        """
        self._prompt.tell(Happening.EXEC_BEGAN)
        try:
            with log.phase("exec", board=self._prompt.url, program=job.program):
                return await self._perform(job)
        finally:
            self._prompt.tell(Happening.EXEC_ENDED)

    async def equip(self, namespace: int, deadline: Deadline) -> None:
        """Put the helper for events into a namespace that wants one, unless it is there; raises what ``perform`` does, and DeviceError."""
        if not self._prompt.messages.is_missing(namespace, self._interpreter.epoch):
            return
        for program in emitter(namespace, asks=self._prompt.messages.asks(namespace)):
            job = Job(program, Mode.EXEC, "the helper for events", deadline, namespace=sources.HOME)
            job.prelude, job.lasting, job.is_emitter = sources.opening(), False, True
            execution = job.conclude(await self._perform(job), self._prompt.url)
            if execution.error is not None:
                raise execution.error
        self._prompt.messages.has_put(namespace, self._interpreter.epoch)

    async def _perform(self, job: Job) -> Finished:
        finished = await self._transact(job)
        while not job.started and (again := why_again(job, finished, self._prompt)):
            log.event("exec again", board=self._prompt.url, why=again)
            finished = await self._transact(job)
        if finished.ending is Ending.RESET:
            self._interpreter.begin_epoch()
            raise DeviceResetError(
                "the board was reset while the program ran",
                board=self._prompt.url,
                phase="exec",
                seen=finished.error[-200:],
            )
        self._interpreter.user_ran |= job.started and job.lasting
        return finished

    async def _transact(self, job: Job) -> Finished:
        await self._prompt.ensure(job.deadline)
        if not job.is_emitter:
            await self.equip(job.namespace, job.deadline)
        command, epoch = None, self._interpreter.epoch
        try:
            if (failed := await self._helper.prepare(job.deadline)) is not None:
                return failed
            command = self._command(job)
            job.pasted, job.log, job.cooked = command.paste, self._prompt.output, self._interpreter.cooked
            self._prompt.job = job
            self._prompt.requests.begin()
            self._prompt.wire.submit(command)
            finished = await self._finish(job)
        except LinkError as error:
            raise self._after_loss(job, error) from error
        except ProtocolError:
            await self._recovery.stop()
            raise
        except SourceError as error:
            await self._recovery.stop()
            raise error.cause from None
        except (TimeoutError, asyncio.CancelledError) as reason:
            try:
                await self._recovery.stop()
            except RecoveryError as failure:
                if isinstance(reason, TimeoutError):
                    failure.message = f"{job.program} {job.lateness}, and {failure.message}"
                    failure.timeout = job.deadline.timeout
                raise
            if isinstance(reason, TimeoutError):
                # The answer may have been lost on the way: the helper knows which exec it started last.
                started = job.started or await self._has_started(command)
                reset = self._interpreter.epoch != epoch
                raise self._late(job, reset=reset, started=started) from None
            raise
        finally:
            self._prompt.job = None
            await self._settle(job)
        if job.started:
            self._interpreter.deployed = True
            self._interpreter.cooked = job.cooked
            self._interpreter.free_heap = job.free_heap or self._interpreter.free_heap
        return finished

    async def _finish(self, job: Job) -> Finished:
        exchange = job.exchange
        if exchange is None:
            return await self._prompt.wait(Finished, job.deadline)
        job.was_fed = exchange.sends
        waiting = self._prompt.wait(Finished, Deadline.after(None))
        finished = await exchange.finish(waiting, self._prompt.wire)
        # A program that took all of it has read all of it.
        job.was_fed = exchange.sends and (job.failed or not exchange.is_whole)
        return finished

    async def _settle(self, job: Job) -> None:
        """See that nothing stands at the prompt that was meant for the program that has ended; raises RecoveryError."""
        if (job.was_fed or self._prompt.is_unsettled) and self._prompt.wire.lost is None:
            self._prompt.requests.begin()
            self._prompt.wire.engine.distrust()
            await self._recovery.stop()

    def _command(self, job: Job) -> Command:
        key = self._interpreter.next_key()
        text = self._helper.prefix + job.prelude + sources.call(key, job.mode, job.source, job.namespace)
        code = text.encode()
        free = self._interpreter.free_heap
        room = (
            PLAIN_ALWAYS
            if free is None
            else max(free // PLAIN_SHARE, min(PLAIN_ALWAYS, free // PLAIN_LITTLE))
        )
        room = min(room, PLAIN_MOST)
        if self._interpreter.raw_paste and len(code) > min(room, self._prompt.flow.burst):
            return Command(code, key, paste=True)
        if len(code) > room:
            raise UsageError(
                f"{len(code)} bytes are too many: the board has no raw-paste, and {self._interpreter.free_heap or 'unknown'} bytes of heap",
                board=self._prompt.url,
                phase="exec",
                hint="send the program in smaller parts, or put it there as a file",
            )
        return Command(code, key)

    def _after_loss(self, job: Job, error: LinkError) -> DevsessionError:
        error.phase = "exec"
        if job.started:
            error.hint = error.hint or f"{job.program} was running; how far it came is unknown"
            return error
        if not self._prompt.wire.handed_over:
            error.hint = error.hint or f"{job.program} was not started"
            return error
        return UncertainExecutionError(
            f"the link was lost before the board said whether {job.program} started: {error.message}",
            board=self._prompt.url,
            phase="exec",
        )

    async def _has_started(self, command: Command | None) -> bool | None:
        """Ask the helper whether ``command`` was the last it started; ``None`` when it cannot tell."""
        if command is None:
            return False
        if not self._prompt.is_ready or command.key is None:
            return None
        key = self._interpreter.next_key()
        self._prompt.job = Job("", Mode.LAST, "the question what started", Deadline.after(ASK_LIMIT))
        try:
            self._prompt.wire.submit(Command(sources.call(key, Mode.LAST, "").encode(), key))
            finished = await self._prompt.wait(Finished, self._prompt.job.deadline)
            last = self._prompt.job.conclude(finished, self._prompt.url).value
        except TimeoutError:
            await self._recovery.stop()
            return None
        finally:
            self._prompt.job = None
        return None if last is None else last == [command.key.nonce, command.key.number]

    def _late(self, job: Job, *, reset: bool, started: bool | None) -> DeadlineError:
        how = "was reset while being interrupted, and is usable" if reset else "is usable"
        did = "was never started" if started is False else f"{job.lateness}; it was interrupted"
        return DeadlineError(
            f"{job.program} {did}, and the board {how}",
            timeout=job.deadline.timeout or 0.0,
            output=bytes(job.output),
            reset=reset,
            started=started,
            board=self._prompt.url,
            phase="exec",
        )
