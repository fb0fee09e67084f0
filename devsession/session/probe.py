"""Asking a board what it is and what it can do: in one exec, in two where the heap is small."""

from __future__ import annotations

import importlib.resources
from typing import Any

from devsession.board.board import Board
from devsession.board.connection import EXEC_TIMEOUT
from devsession.board.execution import Execution
from devsession.errors import DeviceError, UsageError
from devsession.protocol.source import compact
from devsession.session.capabilities import DeviceCapabilities
from devsession.session.features import capabilities_from
from devsession.session.report import Fingerprint, fingerprint_from

# With less free heap than this, in bytes, the board is asked in two execs.
LITTLE_HEAP = 16 * 1024
# Where the free heap stands in the list that the first program leaves.
_FREE = 4


async def probe(board: Board, *, timeout: float = EXEC_TIMEOUT) -> DeviceCapabilities:
    """Ask a board for everything that is to be known of it, and leave it as it was.

    One exec, two where less than 16 KB of heap are free; ``timeout`` in seconds for each. What the firmware cannot tell is ``None``, and
    ``unknown`` says why; that is never an error. Raises what ``Board.exec`` raises for the link and the deadline. When cancelled the
    program is interrupted.
    """
    try:
        both = await board.evaluate(_both(), timeout=timeout)
    except (UsageError, DeviceError) as error:
        if isinstance(error, DeviceError) and error.kind != "MemoryError":
            raise
        # Together they were too large to be sent or to be read there.
        return await ask_facts(board, await identify(board, timeout=timeout), timeout=timeout)
    told, facts = both.value
    fingerprint = fingerprint_from(told)
    if facts is None:
        return await ask_facts(board, fingerprint, timeout=timeout)
    return _conclude(board, fingerprint, facts, both)


async def identify(board: Board, *, timeout: float = EXEC_TIMEOUT) -> Fingerprint:
    """Ask a board which firmware it runs, for the unique id of its chip, and for its heap: one small exec. Raises as ``probe``."""
    return fingerprint_from((await board.evaluate(fingerprint_program(), timeout=timeout)).value)


async def ask_facts(
    board: Board, fingerprint: Fingerprint, *, timeout: float = EXEC_TIMEOUT
) -> DeviceCapabilities:
    """Ask a board that was identified for all the rest: one exec. Raises as ``probe``."""
    asked = await board.evaluate(facts_program(), timeout=timeout)
    return _conclude(board, fingerprint, asked.value, asked)


def programs() -> tuple[str, str, str]:
    """Return the fingerprint, what asks, and the questions, each as it is sent."""
    text = importlib.resources.files("firmware_helpers").joinpath("probe.py").read_text("utf-8")
    _, *parts = text.split("\n# -- ")
    fingerprint, asking, questions = (compact(f"# {part}") for part in parts)
    return fingerprint, asking, questions.replace("\n", ";")


def fingerprint_program() -> str:
    """Return the expression that tells what ``fingerprint_from`` reads."""
    return f"(lambda a:({_fingerprint()},a['o'])[-1])({{}})"


def facts_program() -> str:
    """Return the expression that tells what ``capabilities_from`` reads, and prints the list of modules."""
    return f"(lambda b:({_facts()},b['o'])[-1])({{}})"


def _both() -> str:
    # The rest is compiled only where the heap has room for it.
    return f"(lambda a,b:({_fingerprint()},a['o'][{_FREE}]<{LITTLE_HEAP} or({_facts()}),a['o'],b.get('o'))[2:])({{}},{{}})"


def _fingerprint() -> str:
    return f"exec('''{programs()[0]}''',a)"


def _facts() -> str:
    _, asking, questions = programs()
    return f"exec('''{asking}''',b),b['t']('''{questions}''')"


def _conclude(board: Board, fingerprint: Fingerprint, facts: Any, asked: Execution) -> DeviceCapabilities:
    return capabilities_from(fingerprint, facts, asked.output, board=board.url, identity=board.identity)
