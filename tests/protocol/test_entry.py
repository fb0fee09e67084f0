"""Entering the raw REPL: what is tried when, and what a failure is called."""

from itertools import pairwise

import pytest
from transcripts import BANNER

from devsession.errors import LocalProtocolError
from devsession.protocol.commands import Command
from devsession.protocol.engine import Engine
from devsession.protocol.entry import classify
from devsession.protocol.states import BUSY, TRANSITIONS, Move, State


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        (b"", "silent"),
        (
            b"ets Jun  8 2016 00:22:57\r\nrst:0x10 (RTCWDT_RTC_RESET),boot:0x3 (DOWNLOAD_BOOT(UART0))\r\nwaiting for download\r\n",
            "bootloader",
        ),
        (b"rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\nload:0x3fff0018\r\n", "boot-noise"),
        (
            b"\r\nCode done running.\r\n\r\nPress any key to enter the REPL. Use CTRL-D to reload.\r\n",
            "circuitpython-waiting",
        ),
        (b"\r\npaste mode; Ctrl-C to cancel, Ctrl-D to finish\r\n=== ", "paste-mode"),
        (b">>> if True:\r\n...     x\r\n... ", "half-typed"),
        (b"\r\x03\r\x01\x03\r\x01", "echo"),
        (b"tick\r\ntick\r\ntick\r\n", "busy"),
        (b"\xf0\x9f\xfe\x80\x00\xf8\xe0\x80\x98\x00\xfe", "wrong-baud"),
        (b"debian login: ", "not-micropython"),
        (b"\r\nERROR\r\n", "not-micropython"),
        (b"^C\r\nuser@host:~$ ", "not-micropython"),
        (
            b'MicroPython v1.20.0 on 2023-04-26; board with mcu\r\nType "help()" for more information.\r\n>>> ',
            "friendly-only",
        ),
        (b"\x18\x01", "mount"),
    ],
)
def test_what_answers_instead_has_a_name(seen: bytes, verdict: str):
    assert classify(seen).name == verdict
    assert classify(seen).hint


def written_until(engine: Engine, now: float, end: float) -> list[tuple[float, bytes]]:
    written = [(now, engine.outgoing())]
    while (wake := engine.wake) is not None and wake < end:
        engine.tick(wake)
        written.append((round(wake, 3), engine.outgoing()))
    return written


def test_a_silent_board_is_asked_again_with_growing_gaps():
    engine = Engine()
    engine.enter(0.0)
    written = written_until(engine, 0.0, 4.0)
    assert written[0] == (0.0, b"\r\x03\r\x01")
    asked = [at for at, data in written if data == b"\r\x01"]
    gaps = [round(later - earlier, 3) for earlier, later in pairwise(asked)]
    assert gaps == sorted(gaps)
    assert asked[0] < 0.5
    assert {data for _, data in written[1:]} == {b"\x03", b"\r\x01"}


def test_a_board_that_never_stops_printing_is_asked_all_the_same():
    engine = Engine()
    engine.enter(0.0)
    now, written = 0.0, engine.outgoing()
    while now < 1.0:
        now += 0.02
        engine.receive(b"tick\r\n", now)
        if engine.wake is not None and engine.wake <= now:
            engine.tick(now)
        written += engine.outgoing()
    assert written.startswith(b"\r\x03\r\x01" + b"\x03\r\x01")
    assert engine.receive(b"\r\n" + BANNER, now)
    assert engine.state is State.READY


def test_every_pair_that_is_not_in_the_table_is_an_error_and_changes_nothing():
    requests = {
        Move.SUBMIT: lambda engine: engine.submit(Command(b"x")),
        Move.ASK: lambda engine: engine.submit(Command(b"x", paste=True)),
        Move.REBOOT: lambda engine: engine.soft_reset(),
        Move.LEAVE: lambda engine: engine.leave(),
    }
    for state in State:
        for move, request in requests.items():
            engine = Engine()
            engine._conversation.state = state
            if move in TRANSITIONS[state]:
                request(engine)
                assert engine.state is TRANSITIONS[state][move]
            else:
                with pytest.raises(LocalProtocolError, match=state.value):
                    request(engine)
                assert engine.state is state
                assert engine.outgoing() == b""


def test_the_table_is_whole():
    assert set(TRANSITIONS) == set(State)
    for moves in TRANSITIONS.values():
        assert moves[Move.ENTER] is State.ENTERING
        assert moves[Move.VIOLATION] is State.FAILED
        assert set(moves.values()) <= set(State)
    reachable, frontier = {State.DETACHED}, [State.DETACHED]
    while frontier:
        new = set(TRANSITIONS[frontier.pop()].values()) - reachable
        reachable |= new
        frontier += new
    assert reachable == set(State)


def test_only_what_runs_can_be_interrupted():
    engine = Engine()
    for data in (b"", BANNER):
        with pytest.raises(LocalProtocolError, match="nothing runs"):
            engine.interrupt(0.0)
        engine.enter(0.0)
        engine.receive(data, 0.0)
    engine.submit(Command(b"x"))
    engine.outgoing()
    for piece in (b"", b"O", b"K", b"out", b"\x04", b"err", b"\x04"):
        engine.receive(piece, 0.0)
        assert engine.state in BUSY
        engine.interrupt(0.0)
    assert engine.outgoing() == b"\x03"
    engine.receive(b">", 0.0)
    with pytest.raises(LocalProtocolError, match="nothing runs"):
        engine.interrupt(0.0)
