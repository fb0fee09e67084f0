"""The shell itself: a line is typed, and goes to a command or to the session in the foreground; meanwhile what happens is shown."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.styles import Style

from devsession.cli.terminal import printable
from devsession.coordinator.coordinator import MultiSessionCoordinator
from devsession.coordinator.session import CoordinatedSession
from devsession.coordinator.states import CoordinatedState, SessionEvent, SessionEventKind
from devsession.errors import DevsessionError
from devsession.shell import commands, picture
from devsession.shell.completion import BoardCompleter
from devsession.shell.keys import History, bindings
from devsession.shell.output import Output
from devsession.shell.reading import is_command

# So long, in seconds, the prompt waits for a program: the output of one that is short stands before it then.
SHORT = 0.1
# What of sessions in the background is told when it happens; the bar shows the rest.
_NEWS = {
    CoordinatedState.WAITING: "waits for input",
    CoordinatedState.COMPLETED: "is completed",
    CoordinatedState.FAILED: "failed",
}


class Shell:
    """Works with the sessions of a coordinator on this terminal until it is left.

    What is typed is kept in the file ``history``, but not what programs ask for. With ``raw`` what boards print goes to the terminal as it
    is.
    """

    def __init__(self, coordinator: MultiSessionCoordinator, history: Path, *, raw: bool = False) -> None:
        self.coordinator = coordinator
        self._is_left = False
        self._obeying: asyncio.Task[None] | None = None
        self._measuring: set[asyncio.Task[None]] = set()
        self._prompt: PromptSession[str] = PromptSession(
            lambda: picture.prompt(coordinator.foreground, self._output.unfinished),
            multiline=True,
            history=History(history, self),
            completer=BoardCompleter(coordinator),
            complete_while_typing=False,
            key_bindings=bindings(self),
            bottom_toolbar=lambda: picture.bar(coordinator),
            # Only lines that were begun are marked, not what is too long for the terminal.
            prompt_continuation=lambda _width, _line, wraps: "" if wraps else "... ",
            style=Style.from_dict(picture.STYLE),
            reserve_space_for_menu=4,
        )
        self._output = Output(raw=raw, drawn=self._prompt.app.invalidate)

    async def run(self) -> None:
        """Read lines until Ctrl-D, /quit, or the end of the terminal; raises OSError when that cannot be written any more."""
        self._output.follow(self.coordinator.foreground)
        showing = asyncio.create_task(self._output.show_forever())
        showing.add_done_callback(lambda _: self.leave())
        self.coordinator.changes.add(self._changed)
        try:
            with self._signals():
                while not self._is_left:
                    await self._read()
        finally:
            self.coordinator.changes.remove(self._changed)
            tasks = [showing, *self._measuring]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        if not showing.cancelled():
            showing.result()

    # For commands and keys

    @property
    def is_asked(self) -> bool:
        """Whether what is typed goes to a program that asks for it."""
        session = self.coordinator.foreground
        return session is not None and session.state is CoordinatedState.WAITING

    async def tell(self, text: str) -> None:
        """Show a text on lines of its own, without escape sequences."""
        await self._output.write(printable(text) + "\n")

    def leave(self) -> None:
        """Have the shell end."""
        self._is_left = True
        if self._prompt.app.is_running and not self._prompt.app.is_done:
            self._prompt.app.exit(exception=EOFError)

    def interrupt(self) -> None:
        """Interrupt the command that runs here, else the program in the foreground; else drop the line that was begun."""
        session, was_asked = self.coordinator.foreground, self.is_asked
        if self._obeying is not None:
            self._obeying.cancel()
        # What was typed for the program that asked is for nobody else.
        elif session is None or not session.interrupt() or was_asked:
            self._prompt.default_buffer.reset()

    def suspend(self) -> None:
        """Stop this process as Ctrl-Z does any other, with the terminal as it was before."""
        if sys.platform != "win32":
            run_in_terminal(self._stop)

    # How it is done

    async def _read(self) -> None:
        try:
            text = await self._prompt.prompt_async(handle_sigint=False, set_exception_handler=False)
        except EOFError:
            self._is_left = True
            return
        if is_command(text):
            await self._obey(text)
        elif text.strip() or self.is_asked:
            await self._send(text.removeprefix("/") if text.startswith("//") else text)

    async def _obey(self, line: str) -> None:
        obeying = self._obeying = asyncio.create_task(commands.run(self, line))
        try:
            await asyncio.wait([obeying])
        finally:
            obeying.cancel()
            await asyncio.wait([obeying])
            self._obeying = None
        if obeying.cancelled():
            await self.tell("interrupted")
        elif (error := obeying.exception()) is not None:
            await self._tell_error(error)
        await self._output.show()

    async def _send(self, text: str) -> None:
        is_asked = self.is_asked
        try:
            session = self.coordinator.get()
            session.send(text)
        except DevsessionError as error:
            await self._tell_error(error)
            return
        if is_asked:
            self._output.pass_over()
        # What is typed meanwhile is read with the next line, and not shown before.
        with self._prompt.input.raw_mode(), suppress(TimeoutError):
            async with asyncio.timeout(SHORT):
                await session.settled()
        await self._output.show()

    async def _tell_error(self, error: BaseException) -> None:
        for failure in error.exceptions if isinstance(error, BaseExceptionGroup) else (error,):
            if not isinstance(failure, DevsessionError):
                raise failure
            await self.tell(f"devsession: {failure}")

    def _changed(self, event: SessionEvent) -> None:
        session = next((one for one in self.coordinator.list() if one.name == event.name), None)
        if event.what is SessionEventKind.FOREGROUND:
            self._output.follow(session, replayed=True)
        elif event.what is SessionEventKind.STATE and session is not None:
            if event.after is CoordinatedState.ACTIVE:
                self._measure(session)
            if session is not self.coordinator.foreground and session.state in _NEWS:
                more = session.prompt or session.reason
                self._output.note(
                    f"[{session.name} {_NEWS[session.state]}{f': {picture.one_line(more)}' if more else ''}]"
                )
        self._prompt.app.invalidate()

    def _measure(self, session: CoordinatedSession) -> None:
        """Find out, for `devsession top`, how much heap is free after a program."""

        async def measure() -> None:
            with suppress(DevsessionError):
                await session.measure()

        task = asyncio.create_task(measure())
        self._measuring.add(task)
        task.add_done_callback(self._measuring.discard)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Take the signals that a terminal sends; SIGTERM and SIGHUP cancel the shell, which puts the terminal back."""
        if sys.platform == "win32":
            yield
            return
        loop = asyncio.get_running_loop()
        handlers = {
            signal.SIGINT: self.interrupt,
            signal.SIGTSTP: self.suspend,
            # Whoever stopped this process has the terminal as he wanted it; it is taken, and drawn, anew.
            signal.SIGCONT: lambda: run_in_terminal(lambda: None),
        }
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
        try:
            yield
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)

    def _stop(self) -> None:
        if sys.platform != "win32":
            loop = asyncio.get_running_loop()
            loop.remove_signal_handler(signal.SIGTSTP)
            os.kill(os.getpid(), signal.SIGTSTP)
            loop.add_signal_handler(signal.SIGTSTP, self.suspend)
