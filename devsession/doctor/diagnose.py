"""The whole examination, in order: the computer and the port, then the board, if it answers."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Iterator

from devsession.doctor import host, interpreter
from devsession.doctor.finding import Finding, Level
from devsession.errors import DevsessionError, UsageError
from devsession.links import connect, link, port_named
from devsession.transport.ports import find_port


def _silent(_: str) -> None:
    """Tell nobody."""


async def diagnose(url: str | None, progress: Callable[[str], None] = _silent) -> AsyncGenerator[Finding]:
    """Examine a board, its port and this computer, and yield what is found, each as soon as it is known.

    ``url`` as for ``connect``; ``None`` when no board is attached, which is then examined. The board is interrupted, not reset; the link is
    opened twice. What keeps a board from being examined is a finding; UsageError is raised for a URL of no known kind. Cancelling closes
    the link.
    """
    if url is None:
        for found in (host.NO_PORT, host.check_brltty(None)):
            if found:
                yield found
        return
    unreachable = False
    for found in _around(url, progress):
        unreachable |= found.level is Level.ERROR
        yield found
    left_out = ["attach", *(name for name, _ in interpreter.CHECKS), "raw-paste"]
    if not unreachable:
        try:
            async with contextlib.aclosing(_inside(url, progress)) as findings:
                async for found in findings:
                    left_out.remove(found.check)
                    yield found
        except DevsessionError as error:
            yield Finding(left_out.pop(0), Level.ERROR, error.message, error.hint)
    if left_out:
        yield Finding("left out", Level.NOTE, f"what needs a board that answers: {', '.join(left_out)}")


def _around(url: str, progress: Callable[[str], None]) -> Iterator[Finding]:
    """Examine the port and this computer."""
    try:
        transport, path = link(url, progress), port_named(url)
    except UsageError:
        raise
    except DevsessionError as error:
        yield Finding("port", Level.ERROR, error.message, error.hint)
        return
    if path is None:
        yield Finding("port", Level.OK, f"{url} is no serial port of this computer")
        return
    subject = host.Subject(path, find_port(path), transport)
    for check in host.CHECKS:
        if found := check(subject):
            yield found


async def _inside(url: str, progress: Callable[[str], None]) -> AsyncGenerator[Finding]:
    """Examine the board."""
    begun = time.perf_counter()
    async with connect(url, progress) as board:
        duration = time.perf_counter() - begun
        yield Finding("attach", Level.OK, f"the raw REPL answered after {duration * 1000:.0f} ms")
        for name, check in interpreter.CHECKS:
            yield await interpreter.made(name, check(board))
    yield await interpreter.made("raw-paste", interpreter.check_raw_paste(link(url, progress)))
