"""From what happened to an exit code and a message on stderr."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Coroutine, Iterator
from typing import Any

from devsession import errors
from devsession.cli.leaving import BROKEN_PIPE, UNWRITABLE, tell_unwritable
from devsession.cli.terminal import printable

INTERRUPTED = 130
TERMINATED = 143
HUNG_UP = 129
TIMED_OUT = 124
NO_BOARD = 3

# The first class that fits gives the exit code (DESIGN 9).
EXIT_CODES: tuple[tuple[type[errors.DevsessionError], int], ...] = (
    (errors.DeviceError, 1),
    (errors.UsageError, 2),
    (errors.DeadlineError, 124),
    (errors.BoardNotFoundError, 3),
    (errors.AmbiguousBoardError, 3),
    (errors.PortNotFoundError, 3),
    (errors.PortBusyError, 3),
    (errors.PortPermissionError, 3),
    (errors.RawReplError, 3),
    (errors.SimulatorError, 3),
    (errors.LinkError, 4),
    (errors.UncertainExecutionError, 4),
    (errors.DeviceResetError, 4),
    (errors.ProtocolError, 4),
    (errors.RecoveryError, 4),
    (errors.DevsessionError, 1),
)


def exit_code(error: errors.DevsessionError) -> int:
    """Return the exit code that tells of ``error``."""
    if isinstance(error, errors.RecoveryError) and error.timeout is not None:
        return TIMED_OUT
    if isinstance(error, errors.LinkError) and error.phase == "open":
        return NO_BOARD
    return next(code for kind, code in EXIT_CODES if isinstance(error, kind))


def tell(error: errors.DevsessionError) -> None:
    """Write an error to stderr: a device's traceback as such, everything else as one message."""
    if isinstance(error, errors.DeviceError) and error.traceback:
        text = error.traceback + (f"\n  try: {error.hint}" if error.hint else "")
    else:
        text = f"devsession: {error}"
    sys.stderr.write(printable(text) + "\n")


def conclude(work: Coroutine[Any, Any, int]) -> None:
    """Run ``work`` to its end and leave with the exit code it returns, or the one that tells of its error.

    Ctrl-C, SIGTERM and SIGHUP cancel it, which interrupts the board and closes the link; a second Ctrl-C leaves at once.
    """
    gc.enable()
    # Long numbers are no danger here: a board takes longer to write them than we to read them.
    sys.set_int_max_str_digits(0)
    ends_us = signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    try:
        if ends_us:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        code = asyncio.run(_until_terminated(work))
    except errors.DevsessionError as error:
        tell(error)
        code = exit_code(error)
    except ExceptionGroup as group:
        # Several things could not be cleaned up.
        ours, others = group.split(errors.DevsessionError)
        if ours is None or others is not None:
            raise
        code = max(_told(ours))
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        code = BROKEN_PIPE
    except OSError as error:
        tell_unwritable(error)
        code = UNWRITABLE
    sys.exit(code)


def _told(group: ExceptionGroup[errors.DevsessionError]) -> Iterator[int]:
    """Tell each error of a group, and give its exit code."""
    for error in group.exceptions:
        if isinstance(error, ExceptionGroup):
            yield from _told(error)
        else:
            tell(error)
            yield exit_code(error)


async def _until_terminated(work: Coroutine[Any, Any, int]) -> int:
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    got: list[int] = []

    def end(code: int) -> None:
        got.append(code)
        task.cancel()

    if sys.platform != "win32":
        loop.add_signal_handler(signal.SIGTERM, end, TERMINATED)
        # Under nohup it stays ignored.
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            loop.add_signal_handler(signal.SIGHUP, end, HUNG_UP)
    try:
        return await work
    except asyncio.CancelledError:
        if got:
            return got[0]
        raise KeyboardInterrupt from None
