"""The way out of the command line."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import NoReturn

# What a shell sees of a program that SIGPIPE ended.
BROKEN_PIPE = 141
# What cannot be written to standard output: EX_IOERR of sysexits.h.
UNWRITABLE = 74


def leave(code: object) -> NoReturn:
    """End the process with the exit code of a SystemExit, its output flushed.

    Every link, task and process was closed by whoever opened it before this is reached, so the interpreter's own tidying, 11 ms of every
    command, is left out.
    """
    status = code if isinstance(code, int) else int(code is not None)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        status = BROKEN_PIPE
    except OSError as error:
        tell_unwritable(error)
        status = status or UNWRITABLE
    os._exit(status)


def tell_unwritable(error: OSError) -> None:
    """Write to stderr why something could not be written, unless that cannot be written to either: a terminal that is gone."""
    with contextlib.suppress(OSError):
        os.write(2, f"devsession: {error}\n".encode())
