"""What the engine tells: everything that happened on the wire, in order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from devsession.protocol.records import Record


@dataclass(frozen=True, slots=True)
class Attached:
    """The raw REPL was entered and stands at its prompt; ``noise`` is what the board printed on the way."""

    noise: bytes


@dataclass(frozen=True, slots=True)
class Stray:
    """Bytes printed outside any command: threads, timers, boot.py; title sequences are taken out."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Accepted:
    """The board took the whole command and goes on to compile it."""


@dataclass(frozen=True, slots=True)
class Started:
    r"""The command's own start record came.

    ``cooked``: this port sends ``\r\n`` for every ``\n`` printed; None where it was told before. ``note`` is the record's payload: the
    free heap at the first exec.
    """

    cooked: bool | None
    note: bytes


@dataclass(frozen=True, slots=True)
class Output:
    """Bytes that the running command printed, as they came."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """The running command sent a record."""

    record: Record


@dataclass(frozen=True, slots=True)
class Emitted:
    """The board sent a message by itself, with the nonce of an attach; ``payload`` is ``None`` where it was damaged on the way."""

    nonce: int
    payload: bytes | None


@dataclass(frozen=True, slots=True)
class PasteRefused:
    """The board has no raw-paste: nothing was sent but the question, and Finished follows."""


class Ending(Enum):
    """How a command came to its end."""

    REPORTED = "reported"  # its end record came: all that was said is known
    FRAMED = "framed"  # it ended without one, by the raw REPL's own framing: it never started, or was sent without a key
    VERIFIED = "verified"  # its end was lost, and asking showed the prompt
    RESET = "reset"  # the interpreter was started anew under it


@dataclass(frozen=True, slots=True)
class Finished:
    """The command is over and the board is at the raw prompt.

    ``started``: its own start record was seen (without a key: its ``OK`` was). ``error`` is the text between the second and the third
    separator: a traceback, or empty.
    """

    ending: Ending
    started: bool
    error: bytes


@dataclass(frozen=True, slots=True)
class Rebooted:
    """The soft reset that was asked for is done; the raw prompt is back."""


@dataclass(frozen=True, slots=True)
class Detached:
    """The raw REPL was left; ``banner`` is what the friendly REPL said."""

    banner: bytes


Event = (
    Attached
    | Stray
    | Accepted
    | Started
    | Output
    | Told
    | Emitted
    | PasteRefused
    | Finished
    | Rebooted
    | Detached
)
