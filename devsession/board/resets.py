"""Kinds of resets, and what a board's words tell of one."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from devsession.errors import UsageError

# What is run at a start: the first, then one of the others.
START_FILES = ("boot.py", "code.py", "main.py")
CIRCUITPYTHON = "circuitpython"
_INTERRUPTED = (
    rb"Traceback [^\n]*\n(?:  File [^\n]*\n)*?  File \"/?%s\"[^\n]*\n(?:  File [^\n]*\n)*KeyboardInterrupt"
)


class Reset(enum.Enum):
    """How to start a board's interpreter anew, and what of the board with it."""

    RAW_SOFT = "raw-soft"  # Ctrl-D in the raw REPL: boot.py runs, main.py does not; most pins and peripherals stay as they are
    SOFT = "soft"  # Ctrl-D at the friendly prompt: boot.py and main.py run
    MACHINE = "machine"  # machine.reset(): the whole chip, and a USB link with it
    LINE = "line"  # the reset line: RTS/DTR as the port's pins say, or a simulator's own; works when nothing answers
    POWER = "power"  # the power hook


def kind_of(kind: Reset | str) -> Reset:
    """Return the kind of reset that is meant, given as such or by its value; raises UsageError for what is none."""
    try:
        return Reset(kind)
    except ValueError:
        known = ", ".join(each.value for each in Reset)
        raise UsageError(f"{kind!r} is no kind of reset", phase="reset", hint=f"known: {known}") from None


class Ran(enum.Enum):
    """What became of boot.py or main.py at a reset."""

    RAN = "ran"
    INTERRUPTED = "interrupted"  # it had begun, and was stopped to reach the prompt
    SKIPPED = "skipped"  # not run by this kind of reset, or because boot.py was interrupted
    ABSENT = "absent"  # there is no such file


@dataclass(frozen=True, slots=True)
class ResetReport:
    """What a reset did.

    ``boot`` is what became of boot.py, ``main`` of main.py or CircuitPython's code.py; ``seconds`` is the time until the prompt was back,
    ``printed`` what the board said meanwhile, ``reopened`` whether the link went away and was opened anew.
    """

    kind: Reset
    boot: Ran
    main: Ran
    seconds: float
    printed: str
    reopened: bool


def read_start(kind: Reset, implementation: str, files: list[str], printed: bytes) -> tuple[Ran, Ran]:
    """Return what became of boot.py and of main.py, from the ``files`` that are there and what the board ``printed``."""
    boot = _ran("boot.py", files, printed)
    circuitpython = implementation == CIRCUITPYTHON
    if circuitpython and boot is not Ran.ABSENT and kind in {Reset.RAW_SOFT, Reset.SOFT}:
        # There it runs when the chip starts, and then only.
        boot = Ran.SKIPPED
    mains = START_FILES[1:] if circuitpython else START_FILES[2:]
    main = next((_ran(name, files, printed) for name in mains if name in files), Ran.ABSENT)
    if main is not Ran.ABSENT and (kind is Reset.RAW_SOFT or boot is Ran.INTERRUPTED):
        main = Ran.SKIPPED
    return boot, main


def _ran(name: str, files: list[str], printed: bytes) -> Ran:
    if name not in files:
        return Ran.ABSENT
    interrupted = re.search(_INTERRUPTED % re.escape(name).encode(), printed.replace(b"\r", b""))
    return Ran.INTERRUPTED if interrupted else Ran.RAN


def check_runs_main(kind: Reset) -> None:
    """Refuse a reset that does not run main.py; raises UsageError."""
    if kind is Reset.RAW_SOFT:
        raise UsageError("a raw soft reset does not run main.py", phase="boot", hint="use Reset.SOFT")
