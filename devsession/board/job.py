"""One program under way: what is to be sent, and what came of it so far."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from devsession.board.deadline import Deadline
from devsession.board.exchange import Exchange
from devsession.board.execution import Execution, Opaque, OutputTail
from devsession.board.output import OutputLog
from devsession.errors import DeviceError, RemoteProtocolError
from devsession.protocol.cooking import Uncook
from devsession.protocol.events import Ending, Event, Finished, Output, PasteRefused, Started, Told
from devsession.protocol.records import Kind
from devsession.protocol.source import MAIN, Mode

# The number of an OSError: programs on CircuitPython may not write while the computer has the files as a drive.
EROFS = 30
_READ_ONLY = (
    "on CircuitPython: write on the drive CIRCUITPY, or have boot.py call storage.remount('/', False), and reset; "
    "a directory of this computer: mount it with writable=True"
)
_TOO_LARGE = "the program needs more heap than is free; a soft reset frees all of it"


@dataclass(slots=True)
class Job:
    """A program for the board: its ``source``, how it is run, how it is called in tracebacks, its deadline, its namespace.

    ``lasting``: what it leaves on the board may be missed after a reset. ``feed``, where given, takes the output as it comes; ``more`` is
    set when there is some. ``log`` takes it too. ``exchange`` moves data while it runs. ``is_emitter``: it is what puts the helper for
    events there, and needs none. ``was_fed``: it was written to, and may not have read all of that.
    """

    source: str
    mode: Mode
    program: str
    deadline: Deadline
    prelude: str = ""
    namespace: int = MAIN
    lasting: bool = True
    is_emitter: bool = False
    was_fed: bool = False
    feed: OutputTail | None = None
    more: asyncio.Event | None = None
    log: OutputLog | None = None
    exchange: Exchange | None = None
    begun: float = field(default_factory=time.monotonic)
    output: OutputTail = field(default_factory=OutputTail)
    cooked: bool = False
    started: bool = False
    pasted: bool = False
    paste_refused: bool = False
    damages: int = 0
    free_heap: int | None = None
    _uncook: Uncook = field(default_factory=lambda: Uncook(cooked=False))
    _value: tuple[Kind, str] | None = None
    _exit: str = ""
    _traceback: bytearray | None = None
    _raised: bool = False

    @property
    def failed(self) -> bool:
        """Whether the program told that it ended with an exception."""
        return self._raised or self._traceback is not None

    @property
    def lateness(self) -> str:
        """How it took too long, for messages."""
        what = "did not end within" if self.exchange is None else "stood still for"
        return f"{what} {self.deadline.timeout:g} s"

    def take(self, event: Event) -> None:
        """Take one event of this job's command."""
        match event:
            case Output(data):
                self._print(self._uncook.feed(data))
            case Started(cooked, note):
                self.started = True
                self.cooked = self.cooked if cooked is None else cooked
                self._uncook = Uncook(cooked=self.cooked)
                self.free_heap = int(note) if note else None
            case PasteRefused():
                self.paste_refused = True
            case Told(record) if record.kind is Kind.DATA:
                if self.exchange is not None:
                    self.exchange.told(record.payload)
            case Told(record):
                self._told(record.kind, record.payload.decode("utf-8", "backslashreplace"))

    def _print(self, data: bytes) -> None:
        if self._traceback is not None:
            self._traceback += data
        elif data:
            self.output.append(data)
            if self.log is not None:
                self.log.append(data)
            if self.feed is not None and self.more is not None:
                self.feed.append(data)
                self.more.set()

    def _told(self, kind: Kind, payload: str) -> None:
        self._print(self._uncook.flush())
        if kind is Kind.TRACEBACK:
            self._traceback = bytearray()
        elif kind is Kind.ENDED and payload == "T":
            self._raised = True
        elif kind is Kind.ENDED:
            self._exit = payload
        else:
            self._value = (kind, payload)

    def conclude(self, finished: Finished, board: str) -> Execution:
        """Return what came of it, now that it is over; raises RemoteProtocolError for a value that cannot be read."""
        error = self._error(finished, board)
        if self.mode in {Mode.EVAL, Mode.CALL} and finished.ending is Ending.REPORTED:
            self._check_value(error, board)
        code, message = _exit_code(self._exit)
        return Execution(
            output_bytes=bytes(self.output),
            dropped=self.output.dropped,
            error=error,
            exit_code=1 if error else code,
            exit_message=message,
            duration=time.monotonic() - self.begun,
            result=self._read_value(),
        )

    def _check_value(self, error: DeviceError | None, board: str) -> None:
        if self._value is None and error is None and not self._exit:
            raise RemoteProtocolError("the value was lost on the way", board=board, phase="eval")

    def _read_value(self) -> Any:
        if self._value is None:
            return None
        # Most programs have neither a value nor an exception: what reads those is imported when it is needed.
        from devsession.protocol import values

        kind, text = self._value
        return Opaque(*values.parse_all(text)) if kind is Kind.OPAQUE else values.parse(text)

    def _error(self, finished: Finished, board: str) -> DeviceError | None:
        said = bytes(self._traceback or b"") or finished.error
        silent = not said and finished.ending is not Ending.VERIFIED
        if self._traceback is None and not self._raised and (finished.ending is Ending.REPORTED or silent):
            return None
        from devsession.protocol import tracebacks

        lost = b"Exception: its traceback was lost" if self._raised else b"Exception: its end was lost"
        found = tracebacks.parse(said or lost, self.program)
        too_large = found.kind == "MemoryError" and not self.started
        return DeviceError(
            found.kind,
            found.text,
            traceback=str(found),
            frames=found.frames,
            errno=found.errno,
            output=bytes(self.output),
            board=board,
            hint=_READ_ONLY if found.errno == EROFS else _TOO_LARGE if too_large else None,
        )


def _exit_code(payload: str) -> tuple[int, str | None]:
    if not payload:
        return 0, None
    from devsession.protocol import values

    match arguments := values.parse(payload):
        case () | (None,):
            return 0, None
        case (bool(), *_) | (int(), *_):
            return int(arguments[0]) & 0xFF, None
        case _:
            return 1, str(arguments[0])
