"""Exceptions of methods, told in the files of this host."""

from __future__ import annotations

from devsession.board.programs import NAMELESS
from devsession.errors import DeviceError
from devsession.methods import dialect
from devsession.methods.frames import locate
from devsession.methods.method import Method
from devsession.protocol.tracebacks import Traceback


def located(
    error: DeviceError, method: Method, program: str, ours: frozenset[str] = frozenset({"<module>"})
) -> DeviceError:
    """Return ``error`` with the host's files in its frames, without those of the call itself.

    Arguments: ``program`` what the board calls the file of all of them, ``ours`` the functions between the call and the method.
    """
    frames = locate(error.frames, method, program=program)
    first = next(
        (place for place, frame in enumerate(frames) if frame.file != program or frame.function not in ours),
        len(frames),
    )
    error.frames = frames[first:]
    error.traceback = str(Traceback(error.kind, error.text, error.frames, error.errno))
    return error


def refused(error: DeviceError, method: Method) -> DeviceError:
    """Return ``error``, with which the board did not take the method, with the host's file and what may be the cause."""
    if error.kind == "SyntaxError":
        error.hint = dialect.hint(method)
    return located(error, method, NAMELESS)
