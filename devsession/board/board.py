"""A board: one interpreter behind one wire, and what can be asked of it."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from devsession.board.connection import ATTACH_TIMEOUT, EXEC_TIMEOUT, RESET_TIMEOUT, Connection
from devsession.board.deadline import Deadline
from devsession.board.exchange import Exchange
from devsession.board.execution import Execution, OutputTail
from devsession.board.job import Job
from devsession.board.programs import NAMELESS, call_job, expression_job, program_job, source_job
from devsession.board.requests import Service
from devsession.board.resets import Reset, ResetReport, kind_of
from devsession.board.running import Running
from devsession.board.switches import Rung
from devsession.errors import DevsessionError
from devsession.protocol.source import MAIN, Mode
from devsession.protocol.source import drop as drop_expression
from devsession.protocol.states import BUSY

# How long the end of a session waits for the program of another: seconds. It goes before all that has not begun.
BUSY_TIME = 30.0
LAST_WORD = 1 << 30


class Board(Connection):
    """The communicator: attaches to a board over a transport, and is the only owner of its wire.

    Calls from several tasks take turns, by ``priority`` (the higher first) and then in order. Every call has a deadline and may be
    cancelled: the program on the board is then interrupted, and the board is usable for the next call.

    Use it in ``async with``: entering opens the link and attaches (the board is interrupted, not reset), leaving detaches and closes.
    With ``listen`` entering only opens the link, and nothing is sent until ``attach``. ``recovery`` is how far bringing back a board
    may go; ``power`` cycles its power; ``reopen`` makes a new link to the same board after one that a reset took away.
    """

    # Programs

    async def exec(
        self,
        source: str,
        *,
        timeout: float | None = EXEC_TIMEOUT,
        priority: int = 0,
        name: str = NAMELESS,
        namespace: int = MAIN,
    ) -> Execution:
        """Run ``source`` in a namespace, ``__main__`` unless another is given, and return what came of it.

        A single expression also gives its ``value``.

        ``timeout`` in seconds, ``None`` for no limit; ``name`` is what tracebacks call the program. Raises DeviceError when the program
        raises, DeadlineError, DeviceResetError, UncertainExecutionError, LinkLostError, RecoveryError. When cancelled the program is
        interrupted.
        """
        return _succeeded(await self._execute(source_job(source, timeout, name), priority, namespace))

    async def eval(
        self,
        expression: str,
        *,
        timeout: float | None = EXEC_TIMEOUT,
        priority: int = 0,
        namespace: int = MAIN,
    ) -> Any:
        """Return the value of an expression: numbers, strings, bytes, and containers of them, exact.

        Raises UsageError for what is no expression, UnrepresentableValueError, and what ``exec`` raises.
        """
        evaluated = await self.evaluate(expression, timeout=timeout, priority=priority, namespace=namespace)
        return evaluated.value

    async def evaluate(
        self,
        expression: str,
        *,
        timeout: float | None = EXEC_TIMEOUT,
        priority: int = 0,
        namespace: int = MAIN,
    ) -> Execution:
        """Evaluate an expression as ``eval`` does, and return all that came of it: value, output, exit code; raises what ``eval`` does."""
        return _succeeded(await self._execute(expression_job(expression, timeout), priority, namespace))

    async def ask(
        self,
        expression: str,
        *,
        timeout: float | None = EXEC_TIMEOUT,
        namespace: int = MAIN,
        name: str = NAMELESS,
        exchange: Exchange | None = None,
    ) -> Execution:
        """Evaluate an expression of devsession's own, which leaves nothing behind: a board that starts anew afterwards has lost nothing.

        With an ``exchange`` it may last, as long as that goes on. Raises as ``evaluate``, and what the exchange sends may raise.
        """
        job = Job(expression, Mode.EVAL, name, Deadline.after(timeout), lasting=False, exchange=exchange)
        return _succeeded(await self._execute(job, 0, namespace))

    async def deploy(
        self, source: str, *, timeout: float | None = EXEC_TIMEOUT, namespace: int = MAIN
    ) -> None:
        """Run ``source`` as ``exec`` does, where running it again brings back its whole effect: a reset loses nothing."""
        job = source_job(source, timeout, NAMELESS)
        job.lasting = False
        _succeeded(await self._execute(job, 0, namespace))

    async def run(
        self,
        program: str | Path,
        *,
        args: tuple[str, ...] = (),
        timeout: float | None = None,
        priority: int = 0,
        namespace: int = MAIN,
    ) -> Execution:
        """Run a program, a file of this host or its text, to its end, and return what came of it; never raises for the program.

        ``args`` become its ``sys.argv`` behind its name. There is no limit unless ``timeout``, in seconds, sets one. Raises DeadlineError
        and what else ``exec`` raises, but no DeviceError. When cancelled the program is interrupted.
        """
        return await self._execute(program_job(program, args, timeout), priority, namespace)

    def start(
        self,
        program: str | Path,
        *,
        args: tuple[str, ...] = (),
        timeout: float | None = None,
        priority: int = 0,
        namespace: int = MAIN,
        value: bool = False,
        into: OutputTail | None = None,
    ) -> Running:
        """Start a program as ``run`` does, and return at once: its output and its end are to be had from the Running returned.

        With ``value`` a text that is a single expression gives its value at the end, as with ``exec``. ``into`` takes its output as it
        comes; neither the Running nor the Execution has it then.
        """
        job = program_job(program, args, timeout, value=value)
        if into is not None:
            job.output = OutputTail(0)
        job.feed = OutputTail() if into is None else into
        job.more, job.namespace = asyncio.Event(), namespace
        self._check_attached()
        task = self._turns.start(lambda: self._perform(job), job.deadline, priority, namespace)
        return Running(job, task, self._prompt)

    async def stream(
        self,
        program: str | Path,
        *,
        args: tuple[str, ...] = (),
        timeout: float | None = None,
        priority: int = 0,
        namespace: int = MAIN,
    ) -> AsyncGenerator[str, None]:
        """Run a program and yield what it prints, as text, while it runs; raises DeviceError at the end when it raised.

        Leaving the loop early, closing the generator or cancelling interrupts the program.
        """
        decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        async with self.start(
            program, args=args, timeout=timeout, priority=priority, namespace=namespace
        ) as running:
            async for chunk in running:
                if text := decoder.decode(chunk):
                    yield text
            if rest := decoder.decode(b"", final=True):
                yield rest
            _succeeded(await running.result())

    async def call(
        self,
        method: str,
        arguments: str = "",
        *,
        timeout: float | None = EXEC_TIMEOUT,
        priority: int = 0,
        name: str = NAMELESS,
        exchange: Exchange | None = None,
    ) -> Execution:
        """Call a method that is on the board under a key of six characters, and return what came of it; one turn.

        ``arguments`` is their source text, ``name`` what tracebacks call the method. With an ``exchange`` it may last, as long as that goes
        on. Raises MethodMissingError when there is none of that key, and then nothing ran; else what ``exec`` raises, and what the
        exchange sends may raise.
        """
        job = call_job(method, arguments, timeout, name)
        job.exchange, job.lasting = exchange, exchange is None
        return _succeeded(await self._execute(job, priority, MAIN))

    async def equip(self, namespace: int, timeout: float | None = EXEC_TIMEOUT) -> None:
        """See to it that ``devsession_helper`` stands in a namespace that is listened to; no turn where it does already.

        Every program of the namespace sees to that too, before it runs. Raises what ``exec`` does.
        """
        if self._prompt.messages.is_missing(namespace, self.epoch):
            deadline = Deadline.after(timeout)
            await self._taking_turns(lambda: self._performer.equip(namespace, deadline), deadline)

    def serve(self, service: Service) -> int:
        """Have ``service`` answer what programs ask, while they run, under the number returned; until ``withdraw``."""
        return self._prompt.serve(service)

    def withdraw(self, number: int) -> None:
        """Answer nothing more under a number."""
        self._prompt.requests.withdraw(number)

    async def stop(self, namespace: int, error: DevsessionError) -> None:
        """Interrupt the program that runs in a namespace, give up those that wait to, and see the board at its prompt.

        Those who wait for one of them get ``error``.
        """
        await self._turns.stop(namespace, error)

    async def clean_up(self, source: str, *, namespace: int, timeout: float = EXEC_TIMEOUT) -> None:
        """Run ``source`` as ``exec`` does, before all others who wait; ``timeout`` counts from when its turn has come.

        Raises DeadlineError (phase ``queue``) when another program holds the board for longer than 30 seconds.
        """
        job = source_job(source, None, NAMELESS)
        await self._last(job, namespace, timeout)

    async def drop(self, namespace: int, methods: tuple[str, ...] = (), timeout: float = EXEC_TIMEOUT) -> int:
        """Forget a namespace with all that is only in it, and methods, given by their keys; as ``clean_up``.

        Returns how many bytes of the board's heap that gave back.
        """
        expression = drop_expression(namespace, methods)
        job = Job(expression, Mode.EVAL, NAMELESS, Deadline.after(None), lasting=False)
        _, before, *_, after = (await self._last(job, MAIN, timeout)).value
        return int(after) - int(before)

    def interrupt(self) -> bool:
        """Send Ctrl-C to the program that runs, until it has ended; return whether there was one.

        Whoever waits for that program gets its DeviceError (``KeyboardInterrupt``), unless it ends in another way.
        """
        if self._prompt.wire.state not in BUSY:
            return False
        self._prompt.wire.interrupt()
        return True

    # Starting anew

    def can(self, kind: Reset | str) -> bool:
        """Whether the board has the switch that a kind of reset needs; raises UsageError for what is no kind."""
        rung = {Reset.LINE: Rung.HARD, Reset.POWER: Rung.POWER}.get(kind_of(kind), Rung.PROMPT)
        return self._switches.has(rung)

    async def soft_reset(self, timeout: float = ATTACH_TIMEOUT) -> None:
        """Start the interpreter anew: boot.py runs, main.py does not, variables and imports are gone.

        Raises DeadlineError when boot.py takes longer than ``timeout`` seconds: it is then interrupted.
        """
        deadline = Deadline.after(timeout)
        await self._taking_turns(lambda: self._resetter.raw_soft(deadline), deadline)

    async def reset(self, kind: Reset | str = Reset.RAW_SOFT, timeout: float = RESET_TIMEOUT) -> ResetReport:
        """Start the board anew, wait until the same board is back at its raw prompt, and tell what ran meanwhile.

        ``kind`` may be given by its value, as in ``reset("soft")``. Kinds that run main.py give it half a second before it is interrupted;
        ``boot`` leaves it alone. Raises DeadlineError, BoardSwappedError, UsageError where the board lacks what ``kind`` needs, DeviceError
        where it refuses, LinkLostError, LinkClosedError before the link was opened.
        """
        deadline, wanted = Deadline.after(timeout), kind_of(kind)
        # A hung board can be reset from outside without having been attached to.
        self._check_opened()
        report = await self._turns.take(lambda: self._resetter.reset(wanted, deadline), deadline)
        self._listening = False
        return report

    async def boot(self, kind: Reset | str = Reset.SOFT, timeout: float = RESET_TIMEOUT) -> None:
        """Start the board anew and leave it alone: main.py runs, and the board is only listened to until ``attach``.

        Returns at its first sign of life; ``expect`` finds what is printed from then on. Raises what ``reset`` does.
        """
        deadline, wanted = Deadline.after(timeout), kind_of(kind)
        self._check_opened()
        self._expecter.skip()
        await self._turns.take(lambda: self._resetter.boot(wanted, deadline), deadline)
        self._listening = True

    async def catch(self, timeout: float = RESET_TIMEOUT) -> None:
        """Stop the board in the moments after it starts, before its main.py takes over, and attach.

        It is reset from outside where it has a switch for that; else somebody has to press its button meanwhile. For a board whose main.py
        switches Ctrl-C off or resets it again and again. Raises RawReplError.
        """
        deadline = Deadline.after(timeout)
        self._check_opened()
        await self._turns.take(lambda: self._resetter.catch(deadline), deadline)
        self._listening = False

    async def bootloader(self, timeout: float = EXEC_TIMEOUT) -> None:
        """Start the boot loader of the chip, which waits for new firmware; the link may go, and nothing answers until the next reset.

        Raises CapabilityError where the firmware has no such function.
        """
        deadline = Deadline.after(timeout)
        await self._taking_turns(lambda: self._resetter.bootloader(deadline), deadline)
        self._listening = True

    # How it is done

    async def _execute(self, job: Job, priority: int, namespace: int) -> Execution:
        job.namespace = namespace
        return await self._taking_turns(lambda: self._perform(job), job.deadline, priority, namespace)

    async def _last(self, job: Job, namespace: int, timeout: float) -> Execution:
        job.namespace = namespace

        async def perform() -> Execution:
            job.deadline = Deadline.after(timeout)
            return await self._perform(job)

        return _succeeded(await self._taking_turns(perform, Deadline.after(BUSY_TIME), LAST_WORD))

    async def _perform(self, job: Job) -> Execution:
        return job.conclude(await self._performer.perform(job), self.url)


def _succeeded(execution: Execution) -> Execution:
    if execution.error is not None:
        raise execution.error
    return execution
