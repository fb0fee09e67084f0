"""Byte-exact transcripts, from MicroPython's pyexec and what was measured on real builds of it.

A transcript is a list of steps: ``Do`` asks the engine for something, ``Host`` is what it must write then, ``Device`` what the board
answers, ``Wait`` lets time pass. What the engine must tell is a list of events, adjacent outputs merged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

from devsession.protocol.commands import Command
from devsession.protocol.engine import Engine
from devsession.protocol.events import (
    Accepted,
    Attached,
    Detached,
    Ending,
    Event,
    Finished,
    Output,
    PasteRefused,
    Rebooted,
    Started,
    Stray,
    Told,
)
from devsession.protocol.records import Key, Kind, Record, encode

BANNER = b"raw REPL; CTRL-B to exit\r\n>"
TITLE = b"\x1b]0;\xf0\x9f\x90\x8dREPL | 9.2.1\x1b\\"
CIRCUITPYTHON = b"\r\nAdafruit CircuitPython 9.2.1 on 2025-01-01; board with mcu\r\n>>> "
CODE_DONE = (
    b"\r\n\x1b[2K\x1b[0GAuto-reload is off.\r\n\r\nCode done running.\r\n\r\n"
    b"Dr\xc3\xbccke eine beliebige Taste.\r\n"
)
FRIENDLY = b'\r\nMicroPython v1.28.0 on 2026-01-01; mps2-an385 with Cortex-M3\r\nType "help()" for more information.\r\n>>> '
# Where its greeting ends.
GREETED = FRIENDLY.index(b"Type")
KEY = Key(0x1F2E3D4C, 0x2A)
ZERO_DIVISION = b'Traceback (most recent call last):\r\n  File "<stdin>", line 1, in <module>\r\nZeroDivisionError: divide by zero\r\n'
SYNTAX = b'Traceback (most recent call last):\r\n  File "<stdin>", line 1\r\nSyntaxError: invalid syntax\r\n'
INTERRUPTED = (
    b'Traceback (most recent call last):\r\n  File "<stdin>", line 1, in <module>\r\nKeyboardInterrupt: \r\n'
)


@dataclass(frozen=True)
class Do:
    ask: Callable[[Engine, float], None]


@dataclass(frozen=True)
class Host:
    data: bytes


@dataclass(frozen=True)
class Device:
    data: bytes


@dataclass(frozen=True)
class Wait:
    seconds: float


Step = Do | Host | Device | Wait


@dataclass(frozen=True)
class Transcript:
    name: str
    steps: tuple[Step, ...]
    events: tuple[Event, ...]


def enter() -> tuple[Step, ...]:
    return Do(lambda engine, now: engine.enter(now)), Host(b"\r\x03\r\x01")


def submit(code: bytes, *, key: Key | None = None, paste: bool = False) -> Do:
    return Do(lambda engine, now: engine.submit(Command(code, key, paste=paste)))


INTERRUPT = Do(lambda engine, now: engine.interrupt(now))
SOFT_RESET = Do(lambda engine, now: engine.soft_reset())
LEAVE = Do(lambda engine, now: engine.leave())
READY: tuple[Step, ...] = (*enter(), Device(b"\r\n>>> \r\n>>> \r\n>>> \r\n" + BANNER))
ATTACHED = Attached(b"\r\n>>> \r\n>>> \r\n>>> \r\n")


def framed(error: bytes = b"", *, started: bool = True) -> Finished:
    return Finished(Ending.FRAMED, started, error)


REPORTED = Finished(Ending.REPORTED, started=True, error=b"")


def at_prompt(name: str, steps: Iterable[Step], *events: Event) -> Transcript:
    return Transcript(name, (*READY, *steps), (ATTACHED, *events))


def keyed(name: str, body: bytes, *events: Event, trailer: bytes = b"\x04\x04>") -> Transcript:
    """A command with records: ``body`` stands between its start and its end."""
    start, end = encode(KEY, Kind.STARTED) + b"\r\n", encode(KEY, Kind.ENDED)
    return at_prompt(
        name,
        [submit(b"x", key=KEY), Host(b"x\x04"), Device(b"OK" + start + body + end + trailer)],
        Accepted(),
        Started(cooked=True, note=b""),
        *events,
        Told(Record(Kind.ENDED, b"")),
        REPORTED,
    )


LONG = b"x=1#" + b"a" * 407
MODES = [
    Transcript("enter, mpremote style", READY, (ATTACHED,)),
    Transcript("friendly to raw", (*enter(), Device(b"\r\n" + BANNER)), (Attached(b"\r\n"),)),
    Transcript("re-enter", (*enter(), Device(BANNER)), (Attached(b""),)),
    Transcript(
        "enter, head of the banner lost", (*enter(), Device(b"PL; CTRL-B to exit\r\n>")), (Attached(b"P"),)
    ),
    Transcript(
        "enter, Ctrl-C alone first",
        (
            *enter(),
            Wait(0.3),
            Host(b"\x03"),
            Device(b"\r\nKeyboardInterrupt: \r\n>>> "),
            Wait(0.05),
            Host(b"\r\x01"),
            Device(BANNER),
        ),
        (Attached(b"\r\nKeyboardInterrupt: \r\n>>> "),),
    ),
    Transcript(
        "enter, CircuitPython waiting with titles",
        (
            *enter(),
            Device(b"\r\nPress any key to enter the REPL. Use CTRL-D to reload.\r\n"),
            Device(
                b"\x1b]0;\xf0\x9f\x90\x8dREPL | 9.2.1\x1b\\\r\nAdafruit CircuitPython 9.2.1 on 2025-01-01; board with mcu\r\n>>> "
            ),
            Device(b"\r\n\x1b]0;\x1b\\" + BANNER),
        ),
        (
            Attached(
                b"\r\nPress any key to enter the REPL. Use CTRL-D to reload.\r\n"
                b"\r\nAdafruit CircuitPython 9.2.1 on 2025-01-01; board with mcu\r\n>>> \r\n"
            ),
        ),
    ),
    at_prompt(
        "raw soft reset",
        [SOFT_RESET, Host(b"\x04"), Device(b"OK\r\nMPY: soft reboot\r\n" + BANNER)],
        Stray(b"OK\r\nMPY: soft reboot\r\n" + BANNER),
        Rebooted(),
    ),
    at_prompt(
        "raw soft reset, localised, boot.py prints a prompt",
        [SOFT_RESET, Host(b"\x04"), Device(b"OK\r\nweicher reboot\r\n>hello>>> \r\n" + BANNER)],
        Stray(b"OK\r\nweicher reboot\r\n>hello>>> \r\n" + BANNER),
        Rebooted(),
    ),
    at_prompt(
        "leave",
        [LEAVE, Host(b"\x02"), Device(FRIENDLY)],
        Detached(FRIENDLY[:GREETED]),
        Stray(FRIENDLY[GREETED:]),
    ),
    at_prompt(
        "leave to a changed prompt",
        [LEAVE, Host(b"\x02"), Device(FRIENDLY[:GREETED] + b"$ ")],
        Detached(FRIENDLY[:GREETED]),
        Stray(b"$ "),
    ),
]

PLAIN = [
    at_prompt(
        "ok",
        [submit(b"print(1)"), Host(b"print(1)\x04"), Device(b"OK1\r\n\x04\x04>")],
        Accepted(),
        Output(b"1\r\n"),
        framed(),
    ),
    at_prompt(
        "error",
        [submit(b"1/0"), Host(b"1/0\x04"), Device(b"OK\x04" + ZERO_DIVISION + b"\x04>")],
        Accepted(),
        framed(ZERO_DIVISION),
    ),
    at_prompt(
        "stray output before OK",
        [submit(b"print(2)"), Host(b"print(2)\x04"), Device(b"tick\r\ntOCK\r\nOK2\r\n\x04\x04>")],
        Stray(b"tick\r\ntOCK\r\n"),
        Accepted(),
        Output(b"2\r\n"),
        framed(),
    ),
    at_prompt("stray output at the prompt", [Device(b"tick\r\n")], Stray(b"tick\r\n")),
    at_prompt(
        "title at the prompt",
        [Device(b"a\x1b]0;\xf0\x9f\x90\x8dWi-Fi: off | REPL\x07b")],
        Stray(b"ab"),
    ),
    at_prompt(
        "exit",
        [
            submit(b"import sys;sys.exit()"),
            Host(b"import sys;sys.exit()\x04"),
            Device(b"OK\x04\x04MPY: soft reboot\r\n" + BANNER),
        ],
        Accepted(),
        Stray(b"MPY: soft reboot\r\n"),
        Finished(Ending.RESET, started=True, error=b""),
    ),
    at_prompt(
        "Ctrl-C of running code",
        [
            submit(b"while 1:pass"),
            Host(b"while 1:pass\x04"),
            Device(b"OK"),
            INTERRUPT,
            Host(b"\x03"),
            Device(b"\x04" + INTERRUPTED + b"\x04>"),
        ],
        Accepted(),
        framed(INTERRUPTED),
    ),
    at_prompt(
        "Ctrl-C eaten, sent again",
        [
            submit(b"while 1:pass"),
            Host(b"while 1:pass\x04"),
            Device(b"OK"),
            INTERRUPT,
            Host(b"\x03"),
            Wait(0.05),
            Host(b"\x03"),
            Wait(0.1),
            Host(b"\x03"),
            Device(b"\x04" + INTERRUPTED + b"\x04>"),
        ],
        Accepted(),
        framed(INTERRUPTED),
    ),
]

PASTE = [
    at_prompt(
        "paste",
        [
            submit(b"print(123)", paste=True),
            Host(b"\x05A\x01"),
            Device(b"R\x01\x80\x00\x01"),
            Host(b"print(123)\x04"),
            Device(b"\x04123\r\n\x04\x04>"),
        ],
        Accepted(),
        Output(b"123\r\n"),
        framed(),
    ),
    at_prompt(
        "paste, empty body",
        [
            submit(b"", paste=True),
            Host(b"\x05A\x01"),
            Device(b"R\x01\x80\x00\x01"),
            Host(b"\x04"),
            Device(b"\x04\x04\x04>"),
        ],
        Accepted(),
        framed(),
    ),
    at_prompt(
        "paste, late grants",
        [
            submit(LONG, paste=True),
            Host(b"\x05A\x01"),
            Device(b"R\x01\x80\x00\x01"),
            Host(LONG[:256]),
            Device(b"\x01\x01"),
            Host(LONG[256:] + b"\x04"),
            Device(b"\x01\x01\x01\x04\x04\x04>"),
        ],
        Accepted(),
        framed(),
    ),
    at_prompt(
        "paste, window of 32",
        [
            submit(LONG[:80], paste=True),
            Host(b"\x05A\x01"),
            Device(b"R\x01\x20\x00\x01"),
            Host(LONG[:64]),
            Device(b"\x01"),
            Host(LONG[64:80] + b"\x04"),
            Device(b"\x01\x04\x04\x04>"),
        ],
        Accepted(),
        framed(),
    ),
    at_prompt(
        "paste, device abort",
        [
            submit(b"x=)\n" + LONG, paste=True),
            Host(b"\x05A\x01"),
            Device(b"R\x01\x80\x00\x01"),
            Host((b"x=)\n" + LONG)[:256]),
            Device(b"\x04"),
            Host(b"\x04"),
            Device(b"\x04" + SYNTAX + b"\x04>"),
        ],
        Accepted(),
        framed(SYNTAX),
    ),
    at_prompt(
        "paste, device abort after our end",
        [
            submit(b"x=)\n", paste=True),
            Host(b"\x05A\x01"),
            Device(b"R\x01\x80\x00\x01"),
            Host(b"x=)\n\x04"),
            Device(b"\x04\x04" + SYNTAX + b"\x04>"),
        ],
        Accepted(),
        framed(SYNTAX),
    ),
    at_prompt(
        "paste, own abort",
        [
            submit(LONG, paste=True),
            Host(b"\x05A\x01"),
            Device(b"R\x01\x80\x00\x01"),
            Host(LONG[:256]),
            INTERRUPT,
            Host(b"\x03"),
            Device(b"\x01\x01\x04\x04KeyboardInterrupt: \r\n\x04>"),
        ],
        Accepted(),
        framed(b"KeyboardInterrupt: \r\n"),
    ),
    at_prompt(
        "paste, interrupted before the grant",
        [
            submit(LONG, paste=True),
            Host(b"\x05A\x01"),
            INTERRUPT,
            Host(b"\x03"),
            Device(b"R\x01\x80\x00\x01\x04\x04KeyboardInterrupt: \r\n\x04>"),
        ],
        Accepted(),
        framed(b"KeyboardInterrupt: \r\n"),
    ),
    at_prompt(
        "paste, out of memory",
        [
            submit(LONG, paste=True),
            Host(b"\x05A\x01"),
            Device(b"R\x01\x80\x00\x01"),
            Host(LONG[:256]),
            Device(b"\x04"),
            Host(b"\x04"),
            Device(b"\x04MemoryError: \r\n\x04>"),
        ],
        Accepted(),
        framed(b"MemoryError: \r\n"),
    ),
    at_prompt(
        "paste not supported",
        [submit(b"print(1)", paste=True), Host(b"\x05A\x01"), Device(b"R\x00>")],
        PasteRefused(),
        framed(started=False),
    ),
    at_prompt(
        "paste, line not empty, asked again",
        [
            submit(b"print(3)", paste=True),
            Host(b"\x05A\x01"),
            Device(BANNER),
            Wait(0.05),
            Host(b"\x05A\x01"),
            Device(b"R\x01\x80\x00\x01"),
            Host(b"print(3)\x04"),
            Device(b"\x043\r\n\x04\x04>"),
        ],
        Accepted(),
        Output(b"3\r\n"),
        framed(),
    ),
    at_prompt(
        "paste, a late banner before the answer",
        [
            submit(b"print(3)", paste=True),
            Host(b"\x05A\x01"),
            Device(BANNER + b"R\x01\x80\x00\x01"),
            Host(b"print(3)\x04"),
            Device(b"\x043\r\n\x04\x04>"),
        ],
        Accepted(),
        Output(b"3\r\n"),
        framed(),
    ),
    at_prompt(
        "firmware without raw-paste",
        [
            submit(b"print(1)", paste=True),
            Host(b"\x05A\x01"),
            Device(BANNER),
            Wait(0.05),
            Host(b"\x05A\x01"),
            Device(BANNER),
            Wait(0.05),
        ],
        PasteRefused(),
        framed(started=False),
    ),
]

RECORDS = [
    keyed("nothing printed", b""),
    keyed("separators in the output", b"A\x04B\r\n", Output(b"A\x04B\r\n")),
    keyed("a whole frame in the output", b"A\x04B\x04C>Dzz\r\n", Output(b"A\x04B\x04C>Dzz\r\n")),
    keyed("prompts in the output", b">>> >\r\n", Output(b">>> >\r\n")),
    keyed("the banner in the output", b"\r\n" + BANNER, Output(b"\r\n" + BANNER)),
    keyed("every byte", bytes(range(256)), Output(bytes(range(256)))),
    keyed("a value", encode(KEY, Kind.VALUE, b"42"), Told(Record(Kind.VALUE, b"42"))),
    keyed(
        "output round a value",
        b"a\x1e" + encode(KEY, Kind.VALUE, b"'\x1e'") + b"b",
        Output(b"a\x1e"),
        Told(Record(Kind.VALUE, b"'\x1e'")),
        Output(b"b"),
    ),
    keyed(
        "a forged record with another nonce",
        encode(Key(1, KEY.number), Kind.ENDED) + b"still here",
        Output(encode(Key(1, KEY.number), Kind.ENDED) + b"still here"),
    ),
    keyed("a late record of ours", encode(Key(KEY.nonce, 3), Kind.ENDED) + b"on", Output(b"on")),
    keyed("half a header", b"\x1e1f2e3d4c.2a.E", Output(b"\x1e1f2e3d4c.2a.E")),
    at_prompt(
        "a thread prints into the framing",
        [
            submit(b"x", key=KEY),
            Host(b"x\x04"),
            Device(
                b"OKtick"
                + encode(KEY, Kind.STARTED)
                + b"\n"
                + encode(KEY, Kind.ENDED)
                + b"tick\x04>\x04tock>"
            ),
        ],
        Accepted(),
        Stray(b"tick"),
        Started(cooked=False, note=b""),
        Told(Record(Kind.ENDED, b"")),
        Stray(b"ticktock"),
        Finished(Ending.REPORTED, started=True, error=b">"),
    ),
    at_prompt(
        "the helper is missing",
        [submit(b"x", key=KEY), Host(b"x\x04"), Device(b"OK\x04" + ZERO_DIVISION + b"\x04>")],
        Accepted(),
        framed(ZERO_DIVISION, started=False),
    ),
    at_prompt(
        "a thread prints a mark before the helper turns out to be missing",
        [submit(b"x", key=KEY), Host(b"x\x04"), Device(b"OK\x1e\x00\x1e\x04" + ZERO_DIVISION + b"\x04>")],
        Accepted(),
        Stray(b"\x1e\x00\x1e"),
        framed(ZERO_DIVISION, started=False),
    ),
    at_prompt(
        "line ends not cooked",
        [
            submit(b"x", key=KEY),
            Host(b"x\x04"),
            Device(
                b"OK"
                + encode(KEY, Kind.STARTED, b"9424")
                + b"\n\r\n"
                + encode(KEY, Kind.ENDED)
                + b"\x04\x04>"
            ),
        ],
        Accepted(),
        Started(cooked=False, note=b"9424"),
        Output(b"\r\n"),
        Told(Record(Kind.ENDED, b"")),
        REPORTED,
    ),
    at_prompt(
        "the end record lost to a second Ctrl-C",
        [
            submit(b"x", key=KEY),
            Host(b"x\x04"),
            Device(b"OK" + encode(KEY, Kind.STARTED) + b"\r\n"),
            INTERRUPT,
            Host(b"\x03"),
            Device(b"\x04" + INTERRUPTED + b"\x04>"),
            Wait(0.05),
            # The question alone: what a prompt answers to another Ctrl-C would hide its answer.
            Host(b"\x01"),
            Device(BANNER),
        ],
        Accepted(),
        Started(cooked=True, note=b""),
        Output(b"\x04" + INTERRUPTED + b"\x04>"),
        Finished(Ending.VERIFIED, started=True, error=INTERRUPTED),
    ),
    at_prompt(
        "a hard reset in the middle",
        [
            submit(b"x", key=KEY),
            Host(b"x\x04"),
            Device(b"OK" + encode(KEY, Kind.STARTED) + b"\r\n"),
            Device(FRIENDLY),
            Wait(0.5),
            Host(b"\x01"),
            Device(b"\r\n" + BANNER),
        ],
        Accepted(),
        Started(cooked=True, note=b""),
        Output(FRIENDLY),
        Finished(Ending.RESET, started=True, error=b""),
    ),
    at_prompt(
        "a hard reset while being interrupted",
        [
            submit(b"x", key=KEY),
            Host(b"x\x04"),
            Device(b"OK" + encode(KEY, Kind.STARTED) + b"\r\n"),
            INTERRUPT,
            Host(b"\x03"),
            Device(FRIENDLY + b"\r\n>>> "),
            Wait(0.05),
            Host(b"\x01"),
            Device(b"\r\n" + BANNER),
        ],
        Accepted(),
        Started(cooked=True, note=b""),
        Output(FRIENDLY + b"\r\n>>> "),
        Finished(Ending.RESET, started=True, error=b""),
    ),
    at_prompt(
        "an interpreter that dies of the question",
        [
            submit(b"x", key=KEY),
            Host(b"x\x04"),
            Device(b"OK" + encode(KEY, Kind.STARTED) + b"\r\n\x04\x04>"),
            Wait(0.5),
            Host(b"\x01"),
            Device(FRIENDLY),
            Wait(0.5),
            Host(b"\x01"),
            Device(b"\r\n" + BANNER),
        ],
        Accepted(),
        Started(cooked=True, note=b""),
        Output(b"\x04\x04>" + FRIENDLY),
        Finished(Ending.RESET, started=True, error=b""),
    ),
    at_prompt(
        "a hard reset of CircuitPython in the middle",
        [
            submit(b"x", key=KEY),
            Host(b"x\x04"),
            Device(b"OK" + encode(KEY, Kind.STARTED) + b"\r\n"),
            Device(CODE_DONE),
            Wait(0.5),
            Host(b"\x01"),
            Device(TITLE + CIRCUITPYTHON),
            Wait(0.5),
            Host(b"\x01"),
            Device(b"\r\n" + TITLE + BANNER),
        ],
        Accepted(),
        Started(cooked=True, note=b""),
        Output(CODE_DONE + TITLE + CIRCUITPYTHON),
        Finished(Ending.RESET, started=True, error=b""),
    ),
    at_prompt(
        "a reload of CircuitPython",
        [
            submit(b"x", key=KEY),
            Host(b"x\x04"),
            Device(b"OK" + encode(KEY, Kind.STARTED) + b"\r\n" + encode(KEY, Kind.ENDED, b"T")),
            Device(b"\x04\x04" + TITLE + b"weicher reboot\r\nrepl.py output:\r\n>\r\n" + BANNER),
        ],
        Accepted(),
        Started(cooked=True, note=b""),
        Told(Record(Kind.ENDED, b"T")),
        Stray(b"weicher reboot\r\nrepl.py output:\r\n>\r\n"),
        Finished(Ending.RESET, started=True, error=b""),
    ),
    at_prompt(
        "a forged end, a question nobody answers, and the real end",
        [
            submit(b"x", key=KEY),
            Host(b"x\x04"),
            Device(b"OK" + encode(KEY, Kind.STARTED) + b"\r\n\x04\x04>"),
            Wait(0.5),
            Host(b"\x01"),
            Device(b"\r\nand on\r\n" + encode(KEY, Kind.ENDED) + b"\x04\x04>" + BANNER),
        ],
        Accepted(),
        Started(cooked=True, note=b""),
        Output(b"\x04\x04>\r\nand on\r\n"),
        Told(Record(Kind.ENDED, b"")),
        REPORTED,
        Stray(BANNER),
    ),
]

ALL = [*MODES, *PLAIN, *PASTE, *RECORDS]


def play(transcript: Transcript, chunks: Callable[[bytes], Iterable[bytes]]) -> list[Event]:
    """Play a transcript with the board's bytes cut by ``chunks``; check every byte written; return the events, merged."""
    engine, now = Engine(), 100.0
    events: list[Event] = []
    written = b""
    for step in transcript.steps:
        match step:
            case Do(ask):
                ask(engine, now)
            case Host(expected):
                written += engine.outgoing()
                assert written == expected
                written = b""
            case Device(data):
                for chunk in chunks(data):
                    events += engine.receive(chunk, now)
                    written += engine.outgoing()
            case Wait(seconds):
                now += seconds + 1e-6
                if engine.wake is not None and engine.wake <= now:
                    events += engine.tick(now)
    assert written + engine.outgoing() == b""
    return merge(events)


def merge(events: Iterable[Event]) -> list[Event]:
    """Join adjacent outputs and adjacent strays: where the bytes were cut says nothing."""
    merged: list[Event] = []
    for event in events:
        last = merged[-1] if merged else None
        if isinstance(event, Output) and isinstance(last, Output):
            merged[-1] = Output(last.data + event.data)
        elif isinstance(event, Stray) and isinstance(last, Stray):
            merged[-1] = Stray(last.data + event.data)
        else:
            merged.append(event)
    return merged


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """Cut ``data`` at ``places``."""
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in pairwise(edges)]
