"""The meter of the benchmark of file jobs: its counts are exact, its pace is never faster than the link, and nothing is lost on it."""

import os
import random
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from metering_link import Counts, Pace, Way
from report import Target
from station import Cost, Station, blast, metered, station

from devsession.board.board import Board
from devsession.links import link
from devsession.transport.metering import Meter, MeteredTransport

SLOW = Pace(rate=11520.0, latency=0.0005)


@contextmanager
def exchange(directory: Path, pace: Pace) -> Iterator[tuple[Station, int, int]]:
    """A station with both ends in hand: the client's descriptor and the board's."""
    board, behind = os.openpty()
    tty.setraw(behind)
    try:
        with metered(os.ttyname(behind), directory / "port", pace) as between:
            client = os.open(directory / "port", os.O_RDWR | os.O_NOCTTY)
            try:
                yield Station(str(directory / "port"), directory, between), client, board
            finally:
                os.close(client)
    finally:
        os.close(board)
        os.close(behind)


def pass_on(source: int, sink: int, data: bytes) -> None:
    """Send ``data`` and have it arrive, as it is."""
    os.write(source, data)
    arrived = b""
    while len(arrived) < len(data):
        arrived += os.read(sink, len(data) - len(arrived))
    assert arrived == data


@pytest.mark.parametrize("pace", [Pace(), SLOW, Pace(1e6, 0.0005)])
def test_a_known_exchange_is_counted_exactly(tmp_path: Path, pace: Pace):
    with exchange(tmp_path, pace) as (at, client, board):
        begun = at.read()
        pass_on(board, client, b"a banner")  # nobody waited for it
        for n in range(1, 4):
            pass_on(client, board, b"\x03\x01" * n)
            pass_on(client, board, b"more of the same turn")
            pass_on(board, client, bytes(range(256)))
            pass_on(board, client, b">")
        cost = at.read() - begun
    assert (cost.turns, cost.up, cost.down) == (3, 12 + 3 * 21, 8 + 3 * 257)


def test_a_paced_link_is_never_faster_than_it_is(tmp_path: Path):
    with blast(tmp_path / "blast", SLOW) as plain:
        for up, down in ((1000, 1), (1, 1000)):
            assert plain.seconds(up, down) >= SLOW.limit(up + down)


def test_the_latency_of_a_turn_is_there_each_way(tmp_path: Path):
    with blast(tmp_path / "blast", Pace(1e6, 0.02)) as plain:
        assert plain.seconds(1, 1) >= 0.04


def test_a_receiver_that_does_not_take_holds_the_line(tmp_path: Path):
    data = random.Random(1).randbytes(300_000)
    with exchange(tmp_path, Pace()) as (_, client, board):
        os.set_blocking(client, False)
        left, arrived, seen_full = data, b"", False
        while len(arrived) < len(data):
            try:
                left = left[os.write(client, left) :]
            except BlockingIOError:
                seen_full = True
                arrived += os.read(board, 65536)
            if not left:
                arrived += os.read(board, 65536)
        assert seen_full
        assert arrived == data


def test_a_board_that_is_gone_is_told(tmp_path: Path, capfd):
    board, behind = os.openpty()
    with metered(os.ttyname(behind), tmp_path / "port", Pace()) as between:
        at = Station(str(tmp_path / "port"), tmp_path, between)
        assert at.read().turns == 0
        os.close(behind)
        os.close(board)
        between.wait(10)
        with pytest.raises(ConnectionError, match="has ended"):
            at.read()
    assert "the terminal was hung up" in capfd.readouterr().err
    assert not (tmp_path / "port").is_symlink()


def test_a_way_hands_on_what_is_due_and_no_more():
    source, writer = os.pipe()
    reader, sink = os.pipe()
    try:
        way = Way(source, sink, Pace(rate=1000.0, latency=0.5))
        os.write(writer, bytes(100))
        assert way.take(10.0) == 100
        assert way.hand_on(10.5) == 0
        assert way.hand_on(10.52) == 20
        assert way.hand_on(10.6) == 80
        os.write(writer, bytes(10))
        way.take(10.05)  # while the first ones were still on the line
        assert way.hand_on(10.6) == 0
        assert way.wake() == pytest.approx(10.601)
        assert way.hand_on(10.61) == 10
    finally:
        for descriptor in (source, writer, reader, sink):
            os.close(descriptor)


def test_the_pace_is_told():
    assert SLOW.limit(11520, turns=2) == pytest.approx(1.002)
    assert Pace().limit(1 << 20) == 0


def test_only_an_answer_to_the_host_is_a_turn():
    counts = Counts()
    counts.came_down(5)
    counts.went_up(1)
    counts.went_up(1)
    counts.came_down(1)
    counts.came_down(1)
    assert counts == Counts(up=2, down=7, turns=1)


def test_a_board_behind_it_answers_and_keeps_its_files_in_sight(tmp_path: Path):
    with station(tmp_path / "station", Pace()) as at:
        client = os.open(at.port, os.O_RDWR | os.O_NOCTTY)
        try:
            os.write(client, b"\r\x03\x01")
            said, end = b"", time.monotonic() + 10
            while not said.endswith(b"raw REPL; CTRL-B to exit\r\n>"):
                assert time.monotonic() < end
                said += os.read(client, 1024)
            before = at.read()
            os.write(client, b"f=open('/x','wb');f.write(b'abc');f.close()\x04")
            said = b""
            while said != b"OK\x04\x04>":
                said += os.read(client, 1024)
            cost = at.read() - before
        finally:
            os.close(client)
        assert (cost.up, cost.down) == (44, 5)
        assert (at.root / "x").read_bytes() == b"abc"


@pytest.mark.parametrize("pace", [Pace(), Pace(1e6, 0.0005)])
async def test_it_counts_what_devsession_counts_itself(tmp_path: Path, pace: Pace):
    with station(tmp_path / "station", pace) as at:
        metered = MeteredTransport(link(at.port))
        async with Board(metered) as board:
            for n in range(5):
                assert await board.eval(f"{n} * 2") == n * 2
            cost = at.read()
            # Attaching is one turn, and each value one.
            assert Meter(cost.up, cost.down, cost.turns) == metered.meter
            assert cost.turns == 6


def test_costs_are_differences():
    assert Cost(5, 100, 50, 2.0) - Cost(2, 40, 10, 0.5) == Cost(3, 60, 40, 1.5)


def test_a_target_is_a_ratio_where_a_peer_is_named():
    rows = [
        {"link": "instant", "job": "put", "tool": "devsession", "up": 80},
        {"link": "instant", "job": "put", "tool": "mpytool", "up": 100},
    ]
    assert Target("instant", "put", "up", 0.9, peer="mpytool").reached(rows) == 0.8
    assert Target("instant", "put", "up", 0.9, files=4).reached(rows) == 20
    assert Target("instant", "get", "up", 0.9).reached(rows) is None
