"""The questions that a board is asked, each an expression for firmware_helpers/probe.py."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """One question: the name of the fact, the expression that tells it, and whom it is for.

    In ``code`` there are ``i``, ``s``: ``sys.implementation`` and ``sys``; ``c``: whether it is CircuitPython; ``m``: the firmware's own
    module of a name; ``f``: its file systems. It holds no semicolon. A board with a small heap is asked only what its ``implementation``
    and, on MicroPython, its version ``since`` can answer.
    """

    name: str
    code: str
    implementation: str = ""
    since: tuple[int, ...] = ()


QUESTIONS = (
    Question("machine", "i._machine", since=(1, 19)),
    Question("build", "i._build", since=(1, 25)),
    Question("threads", "i._thread", since=(1, 26)),
    Question("mpy", "i._mpy", since=(1, 19)),
    Question("mpy before 1.19", "i.mpy", since=(1, 12)),
    # Numbers are made while it runs: what a port lacks would be a syntax error.
    Question("ints of 62 bits", "(lambda n:1<<n>>n==1)(62)"),
    Question("ints of 80 bits", "(lambda n:1<<n>>n==1)(80)"),
    Question("uname", "tuple(m('os').uname())"),
    Question("board id", "c and __import__('board').board_id", "circuitpython"),
    Question("frequency", "__import__('microcontroller').cpu.frequency if c else m('machine').freq()"),
    Question("file systems", "f()"),
    Question("read only", "c and __import__('storage').getmount('/').readonly", "circuitpython"),
    Question("largest small int", "s.maxsize"),
    Question("unicode", "len(chr(8364))"),
    Question("async", "exec('async def f():await f()',{})"),
    Question("compile", "callable(compile)"),
    Question("binary stdio", "hasattr(s.stdout,'buffer')"),
    Question("peripherals", "c or[x for x in dir(m('machine'))if x[0]<'_'or x=='freq']", "micropython"),
    Question("hashes", "dir(m('hashlib'))"),
    Question("sha1", "c and bool(m('hashlib').new('sha1'))", "circuitpython"),
    Question("sha256", "c and bool(m('hashlib').new('sha256'))", "circuitpython"),
    Question("binascii", "dir(m('binascii'))"),
    Question("deflate", "'write'in dir(m('deflate').DeflateIO)", since=(1, 21)),
    Question("epoch year", "m('time').gmtime(0)[0]"),
    # The list of modules is printed.
    Question("module list", "help('modules')"),
)


def questions_for(implementation: str, version: tuple[int, ...]) -> tuple[Question, ...]:
    """Return the questions that this firmware can answer."""
    return tuple(
        question
        for question in QUESTIONS
        if question.implementation in {"", implementation}
        and (implementation != "micropython" or version >= question.since)
    )
