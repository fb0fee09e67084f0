"""Asking a board what it is and what it can do: in one exec, in two where the heap is small."""

from __future__ import annotations

import importlib.resources
from typing import Any

from devsession.board.board import Board
from devsession.board.connection import EXEC_TIMEOUT
from devsession.errors import DeviceError, UsageError
from devsession.protocol.source import compact
from devsession.session.capabilities import DeviceCapabilities
from devsession.session.features import capabilities_from
from devsession.session.homes import TABLE, any_namespace
from devsession.session.questions import QUESTIONS, Question, questions_for
from devsession.session.report import NOT_IN_IT, Fingerprint, fingerprint_from, not_told

# With less free heap than this, in bytes, the board is asked in two execs.
LITTLE_HEAP = 16 * 1024
# With less than this, in bytes, it is asked no more than which board it is: the names in the questions would stay, and are 2 KB.
LEAST_HEAP = 8 * 1024
# Where the free heap stands in the list that the first program leaves.
_FREE = 4
_COLLECT = "__import__('gc').collect()"


async def probe(
    board: Board, *, free_heap: int | None = None, timeout: float = EXEC_TIMEOUT
) -> DeviceCapabilities:
    """Ask a board for everything that is to be known of it, and leave it as it was.

    One exec, two where less than 16 KB of heap are free, and only which board it is where less than 8 KB are;
    ``free_heap`` in bytes, where it is known, spares such a board the attempt at one
    (a third exec, should its memory not do for that). ``timeout`` in seconds for each. What the firmware cannot tell is ``None``, and
    ``unknown`` says why; that is never an error. The names asked for stay interned, as any program's do: up to 2 KB of heap, once until
    the next reset. Raises what ``Board.exec`` raises for the link and the deadline, and DeviceError (MemoryError) where there is not even
    room for the question which board it is. When cancelled the program is interrupted.
    """
    if free_heap is not None and free_heap < LITTLE_HEAP:
        return await ask_facts(board, await identify(board, timeout=timeout), timeout=timeout)
    try:
        both = await board.ask(both_programs(), timeout=timeout)
    except (UsageError, DeviceError) as error:
        _check_too_large(error)
        return await probe(board, free_heap=0, timeout=timeout)
    match both.value:
        case [told, list(facts)]:
            return _conclude(board, fingerprint_from(told), _named(QUESTIONS, facts), both.output)
        case [told, _]:
            return await ask_facts(board, fingerprint_from(told), timeout=timeout)
        case told:
            raise not_told(told)


async def identify(board: Board, *, timeout: float = EXEC_TIMEOUT) -> Fingerprint:
    """Ask a board which firmware it runs, for the unique id of its chip, and for its heap: one small exec.

    Two more where earlier programs have left no room for it. Raises as ``probe``.
    """
    try:
        return await _identify(board, timeout)
    except DeviceError as error:
        _check_too_large(error)
        # What earlier programs left is collected no sooner than something does not fit, and the compiler does not try again.
        await board.ask(_COLLECT, timeout=timeout)
        return await _identify(board, timeout)


async def _identify(board: Board, timeout: float) -> Fingerprint:
    namespace = any_namespace()
    asked = await board.ask(fingerprint_program(namespace), timeout=timeout, namespace=namespace)
    return fingerprint_from(asked.value)


async def ask_facts(
    board: Board, fingerprint: Fingerprint, *, timeout: float = EXEC_TIMEOUT
) -> DeviceCapabilities:
    """Ask a board that was identified for all the rest: one exec. Raises as ``probe``."""
    questions = questions_for(fingerprint.implementation, fingerprint.version)
    if fingerprint.heap_free is not None and fingerprint.heap_free < LEAST_HEAP:
        return _conclude(board, fingerprint, _named(questions, ["MemoryError"] * len(questions)))
    namespace = any_namespace()
    try:
        asked = await board.ask(facts_program(questions, namespace), timeout=timeout, namespace=namespace)
    except (UsageError, DeviceError) as error:
        _check_too_large(error)
        return _conclude(board, fingerprint, _named(questions, ["MemoryError"] * len(questions)))
    unasked = {question.name: NOT_IN_IT for question in QUESTIONS if question not in questions}
    return _conclude(board, fingerprint, {**unasked, **_named(questions, asked.value)}, asked.output)


def programs() -> tuple[str, str, str]:
    """Return the parts of firmware_helpers/probe.py in their order, as they are sent."""
    text = importlib.resources.files("firmware_helpers").joinpath("probe.py").read_text("utf-8")
    _, *parts = text.split("\n# -- ")
    fingerprint, asking, places = (compact(f"# {part}") for part in parts)
    return fingerprint, asking, places


def fingerprint_program(namespace: int) -> str:
    """Return the expression that tells what ``fingerprint_from`` reads; it gives up the namespace that it runs in."""
    return f"(exec('''{programs()[0]}'''),{TABLE}.pop({namespace}),o)[-1]"


def facts_program(questions: tuple[Question, ...], namespace: int) -> str:
    """Return the expression that tells the facts asked for, as a list, and prints the list of modules; as ``fingerprint_program``."""
    _, asking, places = programs()
    asked = "".join(f"{question.code};" for question in questions)
    # Nothing is called that need not be: a small board has little stack.
    return f"(exec('''{asking}'''),exec('''{places}'''),t('''{asked}'''),{TABLE}.pop({namespace}),o)[-1]"


def both_programs() -> str:
    """Return the expression that tells the fingerprint and, where the heap has room for that, all the facts."""
    roomy = f"a['o'][{_FREE}]<{LITTLE_HEAP} or({_facts(QUESTIONS)})"
    return f"(lambda a,b:({_fingerprint()},{roomy},a['o'],b.get('o'))[2:])({{}},{{}})"


def _fingerprint() -> str:
    return f"exec('''{programs()[0]}''',a)"


def _facts(questions: tuple[Question, ...]) -> str:
    _, asking, places = programs()
    asked = "".join(f"{question.code};" for question in questions)
    return f"exec('''{asking}''',b),exec('''{places}''',b),b['t']('''{asked}''')"


def _named(questions: tuple[Question, ...], told: Any) -> dict[str, Any]:
    names = (question.name for question in questions)
    return dict(zip(names, told, strict=False)) if isinstance(told, list) else {}


def _check_too_large(error: UsageError | DeviceError) -> None:
    """Raise ``error`` unless it says that the program was too large, to be sent or to be compiled there."""
    if isinstance(error, DeviceError) and error.kind != "MemoryError":
        raise error


def _conclude(
    board: Board, fingerprint: Fingerprint, facts: dict[str, Any], printed: str = ""
) -> DeviceCapabilities:
    return capabilities_from(fingerprint, facts, printed, board=board.url, identity=board.identity)
