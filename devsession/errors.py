"""Every exception that devsession raises, as one tree.

::

    DevsessionError
    ├── UsageError                  the caller asked for something that cannot be (also a ValueError)
    ├── BoardNotFoundError          no board answers to that name
    ├── AmbiguousBoardError         several do; carries their names
    ├── LinkError                   the byte stream to a board
    │   ├── PortNotFoundError       no such port
    │   │   ├── HostNotFoundError       no such host
    │   │   ├── HostUnreachableError    the host does not answer
    │   │   └── PortRefusedError        the host does, but nobody listens at that port
    │   ├── NegotiationError        what listens there does not speak RFC 2217, or not as it was asked to
    │   ├── PortBusyError           somebody holds it; says who
    │   ├── PortPermissionError     not allowed; says which group would be
    │   ├── LinkLostError           unplugged, or the process behind it is gone
    │   ├── LinkClosedError         used after it was closed, or before it was opened
    │   └── CassetteError           a recorded link; carries the path of its cassette
    │       ├── CassetteFormatError     no cassette, a damaged one, or one of a newer format
    │       ├── CassetteMismatchError   the host wrote something else than was recorded; shows both
    │       ├── CassetteEndedError      the recording is over, and the host goes on
    │       └── CassetteUnplayedError   the host is done, and the recording goes on
    ├── ProtocolError               what was said on the wire
    │   ├── LocalProtocolError      we asked the engine for something its state does not allow
    │   └── RemoteProtocolError     the board broke the protocol; the engine is latched FAILED
    ├── RawReplError                the raw REPL could not be entered; says what was seen instead
    ├── DeadlineError               a deadline passed (also a TimeoutError)
    ├── ExpectError                 what was waited for was not printed; carries what was (also a TimeoutError)
    ├── DeviceError                 the program on the board raised; type, message, traceback, frames, errno
    ├── DeviceResetError            the board was reset under the caller; its state there is gone
    ├── MethodMissingError          a method was called by a key that is not on the board; nothing ran
    ├── BoardSwappedError           another board answers where the known one was
    ├── UncertainExecutionError     the command may or may not have run: it was not repeated
    ├── CapabilityError             the board lacks what was required; names it, and what is not known
    ├── UnrepresentableValueError   a value on the board has no faithful form here
    ├── RecoveryError               the board could not be brought back; says what was tried
    ├── SessionError                a session
    │   ├── SessionExistsError          its name is in use
    │   ├── SessionEndedError           it was used after its end
    │   ├── UnknownNameError            no session, or no shared variable, has that name (also a KeyError)
    │   └── ProfileError                its profile could not be applied; says what was and what failed
    ├── PoolError                   boards that several users share
    │   ├── LeaseTimeoutError           none became free in time; says who holds them (also a TimeoutError)
    │   ├── LeaseLost                   it was taken away from its holder: the board is gone, or the lease expired
    │   ├── RequirementError            no board of the pool can ever have what was required; says why for each
    │   ├── BoardTakenError             somebody else has the board
    │   ├── ProviderError               boards cannot be asked for where they come from
    │   └── PoolClosedError             the pool was used before it was begun, while it is drained, or after its end
    └── SimulatorError              a simulated board
        ├── InterpreterNotFoundError    no MicroPython interpreter here; says how to get one
        ├── InterpreterTooOldError      one was found, and it is too old
        └── EmulatorNotFoundError       no emulator, or no firmware for it; says how to get it

Each carries, where known, ``board`` (its URL), ``phase`` (what was being done), ``seen`` (the last bytes that came from the
board) and ``hint`` (what to try); ``str()`` shows all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Enough of the board's last words to recognise them, few enough for one line of a log.
SEEN_SHOWN = 120


def shown(data: bytes, limit: int = SEEN_SHOWN) -> str:
    """Return bytes from a board as printable ASCII, the last ``limit`` of them, safe for any terminal."""
    text = ascii(data[-limit:])
    return f"...{text}" if len(data) > limit else text


class DevsessionError(Exception):
    """Base of everything devsession raises on purpose.

    Arguments: ``message``; ``board`` the URL; ``phase`` such as ``"open"`` or ``"exec"``; ``seen`` the bytes last received;
    ``hint`` one line of what to try. All but the message are optional.
    """

    def __init__(
        self,
        message: str,
        *,
        board: str | None = None,
        phase: str | None = None,
        seen: bytes = b"",
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.board = board
        self.phase = phase
        self.seen = seen
        self.hint = hint

    def __str__(self) -> str:
        where = ", ".join(
            part
            for part in (
                f"board {self.board}" if self.board else "",
                f"during {self.phase}" if self.phase else "",
                f"last seen {shown(self.seen)}" if self.seen else "",
            )
            if part
        )
        text = f"{self.message} ({where})" if where else self.message
        return f"{text}\n  try: {self.hint}" if self.hint else text


class UsageError(DevsessionError, ValueError):
    """The caller asked for something that cannot be done; nothing was sent."""


class BoardNotFoundError(DevsessionError):
    """No board answers to the name given, or none is attached."""


class AmbiguousBoardError(DevsessionError):
    """Several boards answer; ``candidates`` holds their URLs."""

    def __init__(self, message: str, candidates: tuple[str, ...], *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.candidates = candidates


class LinkError(DevsessionError):
    """The byte stream to a board failed."""


class PortNotFoundError(LinkError):
    """There is no such port."""


class HostNotFoundError(PortNotFoundError):
    """No host has that name."""


class HostUnreachableError(PortNotFoundError):
    """The host does not answer, or no way leads to it."""


class PortRefusedError(PortNotFoundError):
    """The host answers, but nobody listens at that port."""


class NegotiationError(LinkError):
    """What listens there does not speak RFC 2217, or has not what was asked of it, such as modem lines."""


class PortBusyError(LinkError):
    """The port is held by somebody else; ``holder`` says who, when that could be found out."""

    def __init__(self, message: str, *, holder: str | None = None, board: str | None = None) -> None:
        super().__init__(message, board=board, phase="open", hint="close the other program, or wait for it")
        self.holder = holder


class PortPermissionError(LinkError):
    """The user may not open the port; ``group`` is the group that may, when there is one."""

    def __init__(
        self, message: str, *, group: str | None = None, board: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, board=board, phase="open", hint=hint)
        self.group = group


class LinkLostError(LinkError):
    """The link ended by itself: the board was unplugged, or the process behind it is gone."""


class LinkClosedError(LinkError):
    """The link was used before it was opened or after it was closed."""


class CassetteError(LinkError):
    """A recorded link failed; ``path`` is its cassette, ``line`` where in it, counted from 1."""

    def __init__(
        self,
        message: str,
        *,
        path: Path,
        line: int | None = None,
        board: str | None = None,
        phase: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, board=board, phase=phase, hint=hint)
        self.path = path
        self.line = line


class CassetteFormatError(CassetteError):
    """The file cannot be read or written, is no cassette, is damaged, or has a newer format."""


class CassetteMismatchError(CassetteError):
    """The host wrote something else than was recorded; it was not answered.

    ``recorded`` and ``written`` are the lines of the program, or the bytes, that differ, ``difference`` both with their surroundings;
    ``number`` is the recorded exec they belong to.
    """

    def __init__(
        self,
        message: str,
        *,
        path: Path,
        line: int,
        recorded: str,
        written: str,
        difference: str = "",
        number: int | None = None,
        board: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, path=path, line=line, board=board, hint=hint)
        self.recorded = recorded
        self.written = written
        self.difference = difference
        self.number = number

    def __str__(self) -> str:
        said, _, hint = super().__str__().partition("\n")
        return "\n".join(part for part in (said, self.difference, hint) if part)


class CassetteEndedError(CassetteError):
    """The host goes on where the recording is over; nothing answers it."""


class CassetteUnplayedError(CassetteError):
    """The link was closed while there was more in the recording: the host does less than it did then."""


class ProtocolError(DevsessionError):
    """Something on the wire was out of order."""


class LocalProtocolError(ProtocolError):
    """The host asked for something that the engine's state does not allow; nothing was sent."""


class RemoteProtocolError(ProtocolError):
    """The board broke the protocol; the engine stays FAILED until the raw REPL is entered again."""


class UnsafeNameError(RemoteProtocolError):
    """A board lists what is no file's name, or one that this computer would take for another place; nothing was written under it."""


class RawReplError(DevsessionError):
    """The raw REPL could not be entered; ``verdict`` names what answered instead."""

    def __init__(
        self,
        message: str,
        *,
        verdict: str,
        board: str | None = None,
        seen: bytes = b"",
        hint: str | None = None,
    ) -> None:
        super().__init__(message, board=board, phase="attach", seen=seen, hint=hint)
        self.verdict = verdict


class DeadlineError(DevsessionError, TimeoutError):
    """A deadline passed; ``timeout`` is the limit in seconds, ``output`` what the program had printed.

    ``reset``: bringing the board back started its interpreter anew; what was defined there is gone. ``started``: whether the program
    began to run, ``None`` where that could not be found out.
    """

    def __init__(
        self,
        message: str,
        *,
        timeout: float,
        output: bytes = b"",
        reset: bool = False,
        started: bool | None = None,
        board: str | None = None,
        phase: str | None = None,
        seen: bytes = b"",
        hint: str | None = None,
    ) -> None:
        super().__init__(message, board=board, phase=phase, seen=seen, hint=hint)
        self.timeout = timeout
        self.output = output
        self.reset = reset
        self.started = started


class ExpectError(DevsessionError, TimeoutError):
    """What was waited for was not printed: the time was over, or nothing more will come; ``output`` is what was printed instead."""

    def __init__(self, message: str, *, output: bytes, board: str | None = None) -> None:
        super().__init__(message, board=board, phase="expect", seen=output)
        self.output = output


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a traceback from a board: file, line counted from 1, name of the function."""

    file: str
    line: int
    function: str


# Values are read there by a function that calls itself for what is in them.
_RECURSION = (
    "does a function call itself without end, or is the result a value that holds itself or nests very deep?"
)


class DeviceError(DevsessionError):
    """The program on the board raised.

    ``kind`` is the exception's class name, ``text`` its message, ``traceback`` the board's own text, ``frames`` its frames, outermost
    first, ``errno`` the number of an ``OSError`` (``None`` where the board gives none), ``output`` what was printed before.
    """

    def __init__(
        self,
        kind: str,
        text: str,
        *,
        traceback: str = "",
        frames: tuple[Frame, ...] = (),
        errno: int | None = None,
        output: bytes = b"",
        board: str | None = None,
        hint: str | None = None,
    ) -> None:
        if hint is None and kind == "RuntimeError" and "recursion" in text:
            hint = _RECURSION
        super().__init__(f"{kind}: {text}" if text else kind, board=board, hint=hint)
        self.kind = kind
        self.text = text
        self.traceback = traceback
        self.frames = frames
        self.errno = errno
        self.output = output


class DeviceResetError(DevsessionError):
    """The board was reset while the caller relied on it: variables, imports and helpers there are gone."""


class MethodMissingError(DevsessionError):
    """No method of that key is on the board, so nothing ran: it started anew, or the method was given up. ``method`` is the key."""

    def __init__(self, message: str, *, method: str, board: str | None = None) -> None:
        super().__init__(message, board=board, phase="call", hint="it has to be deployed first")
        self.method = method


class BoardSwappedError(DevsessionError):
    """Another board answers where the known one was; nothing was run on it. ``expected`` and ``found`` say how they are known."""

    def __init__(self, message: str, *, expected: str, found: str, board: str | None = None) -> None:
        super().__init__(
            message, board=board, phase="reset", hint="attach the right board, or open a new connection"
        )
        self.expected = expected
        self.found = found


class UncertainExecutionError(DevsessionError):
    """The link failed between sending a command and hearing of it; it may have run, so it was not sent again."""


class CapabilityError(DevsessionError):
    """The board lacks what was required of it: ``missing`` names it, ``unknown`` what it may have, each with why that is not known."""

    def __init__(
        self, subject: str, *, missing: tuple[str, ...], unknown: dict[str, str], board: str | None = None
    ) -> None:
        lacks = f"it lacks {', '.join(missing)}" if missing else ""
        unsure = ", ".join(f"{feature} ({reason})" for feature, reason in unknown.items())
        unknowns = f"it is unknown whether it has {unsure}" if unknown else ""
        super().__init__(
            f"{subject} does not do: {'; '.join(filter(None, (lacks, unknowns)))}",
            board=board,
            phase="require",
            hint="`devsession info` lists what a board has; other firmware or another board may have more",
        )
        self.missing = missing
        self.unknown = unknown


class UnrepresentableValueError(DevsessionError):
    """A value on the board has no faithful form on this side; ``type_name`` and ``text`` are its class and ``repr`` there."""

    def __init__(
        self, message: str, *, type_name: str = "", text: str = "", board: str | None = None
    ) -> None:
        super().__init__(
            message, board=board, phase="eval", hint="return numbers, strings, bytes or containers of them"
        )
        self.type_name = type_name
        self.text = text


class RecoveryError(DevsessionError):
    """The board could not be brought back to a prompt; ``tried`` names each attempt in order.

    ``timeout`` is the program's limit in seconds, when it all began with that.
    """

    timeout: float | None = None

    def __init__(
        self,
        message: str,
        *,
        tried: tuple[str, ...],
        board: str | None = None,
        seen: bytes = b"",
        hint: str | None = None,
    ) -> None:
        super().__init__(message, board=board, phase="recovery", seen=seen, hint=hint)
        self.tried = tried


class SessionError(DevsessionError):
    """A session could not be made or used as it was asked for; nothing was sent."""


class SessionExistsError(SessionError):
    """There is a session of that name."""


class SessionEndedError(SessionError):
    """The session was used after its end."""


class UnknownNameError(SessionError, KeyError):
    """No session of the manager, or none of its shared variables, has that name."""


class ProfileError(SessionError):
    """A session's profile could not be applied to the board; ``report``, a ProfileReport, says what was applied and what failed."""

    def __init__(self, message: str, *, report: Any, board: str | None = None) -> None:
        super().__init__(message, board=board, phase="profile")
        self.report = report


class PoolError(DevsessionError):
    """No board can be had of those that several users share."""


class LeaseTimeoutError(PoolError, TimeoutError):
    """No board became free in time; ``timeout`` is how long was waited, in seconds, and the message says who holds them."""

    def __init__(self, message: str, *, timeout: float, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.timeout = timeout


class LeaseLost(PoolError):  # noqa: N818 - an event in the holder's life, named as in the documentation of leases
    """The lease ended under its holder: its board is gone, it expired, or it was given back; ``fence`` is its number."""

    def __init__(self, message: str, *, fence: int, board: str | None = None) -> None:
        super().__init__(message, board=board, phase="lease", hint="acquire again")
        self.fence = fence


class RequirementError(PoolError):
    """No board of the pool can ever have what was required; ``lacks`` says why, by the name of each board."""

    def __init__(self, message: str, *, lacks: dict[str, str], hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.lacks = lacks


class BoardTakenError(PoolError):
    """Somebody else has the board; the message says who, where that is known."""


class ProviderError(PoolError):
    """Boards cannot be asked for, taken or made where they come from."""


class PoolClosedError(PoolError):
    """The pool gives out no boards: it was not begun, it is being drained, or it has ended."""


class SimulatorError(DevsessionError):
    """A simulated board could not be made or kept."""


class InterpreterNotFoundError(SimulatorError):
    """No MicroPython interpreter was found, and none could be fetched."""


class InterpreterTooOldError(SimulatorError):
    """The MicroPython interpreter found is older than simulated boards need; ``version`` is its version."""

    def __init__(self, message: str, *, version: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.version = version


class EmulatorNotFoundError(SimulatorError):
    """An emulated board needs QEMU or firmware that is not here and could not be fetched."""
