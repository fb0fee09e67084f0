"""What a session printed: bounded, replayed, searched, saved; flat in memory, however much comes."""

import gc
import os
import random
import time
import tracemalloc
from pathlib import Path

import pytest

from devsession.board.execution import OutputTail
from devsession.coordinator.buffer import OutputBuffer
from devsession.coordinator.coordinator import MultiSessionCoordinator
from devsession.coordinator.limits import SessionLimits
from devsession.errors import UsageError

WHOLE = bool(os.environ.get("DEVSESSION_SOAK"))
MIB = 1 << 20


def test_it_keeps_the_last_bytes_whatever_the_pieces():
    seed = random.Random(5)
    for limit in (0, 1, 1000, 70_000, 200_000):
        buffer, all_of_it = OutputTail(limit), b""
        for _ in range(200):
            piece = seed.randbytes(seed.choice((0, 1, 10, 700, 70_000 if limit > 1000 else 90)))
            buffer.append(piece)
            all_of_it += piece
            if seed.random() < 0.05:
                buffer.trim(limit // 2)
            kept = len(buffer)
            assert kept <= limit
            assert (bytes(buffer), buffer.dropped) == (
                all_of_it[len(all_of_it) - kept :],
                len(all_of_it) - kept,
            )
            at = seed.randrange(len(all_of_it) + 2)
            begin, data = buffer.since(at)
            assert begin == min(max(at, buffer.dropped), buffer.end)
            assert data == all_of_it[begin:]
        assert buffer.take() == all_of_it[len(all_of_it) - kept :]
        assert (len(buffer), bytes(buffer)) == (0, b"")


def test_loss_is_counted_and_shown():
    buffer = OutputBuffer(10)
    buffer.append(b"0123456789")
    assert buffer.replay() == "0123456789"
    buffer.append(b"ab")
    assert (buffer.dropped, buffer.end) == (2, 12)
    assert buffer.replay() == "[2 bytes before this were dropped]\n23456789ab"
    assert buffer.replay(3) == "[9 bytes before this]\n9ab"
    assert buffer.replay(0) == "[12 bytes before this]\n"


def test_its_tail():
    buffer = OutputBuffer()
    assert buffer.tail() == ""
    buffer.append(b"".join(b"line %d\n" % number for number in range(5000)))
    assert buffer.tail(2) == "line 4998\nline 4999\n"
    buffer.append(b"and \xff")
    assert buffer.tail(2) == "line 4999\nand \\xff"
    assert buffer.tail(0) == ""
    assert buffer.tail(4000).count("\n") == 3999
    assert buffer.tail(9000) == buffer.text


def test_searching():
    buffer = OutputBuffer(200_000)
    for number in range(20_000):
        buffer.append(b"measure %d is %d\n" % (number, number * 7 % 1000))
    assert buffer.search("nothing") == []
    found = buffer.search("is 77$")
    assert [line.line for line in found[-2:]] == ["measure 18011 is 77", "measure 19011 is 77"]
    position, line = found[0].position, found[0].line
    assert buffer.since(position)[1].startswith(line.encode() + b"\n")
    assert len(buffer.search("measure", most=7)) == 7
    assert buffer.search("measure 19999")[0].position == buffer.end - len("measure 19999 is 993\n")
    buffer.append("größer, ohne Ende".encode())
    assert buffer.search("öße")[0].line == "größer, ohne Ende"
    with pytest.raises(UsageError, match="regular expression"):
        buffer.search("(")


def test_saving(tmp_path: Path):
    buffer = OutputBuffer(100_000)
    buffer.append(bytes(range(256)) * 500)
    assert buffer.save(tmp_path / "out") == 100_000
    assert (tmp_path / "out").read_bytes() == bytes(buffer)
    with pytest.raises(UsageError, match="No such file"):
        buffer.save(tmp_path / "nowhere" / "out")


def test_adding_costs_the_same_however_much_is_kept():
    # 10 MiB in one piece, then byte by byte: where dropping the oldest byte moved the others this would take minutes.
    buffer = OutputTail()
    buffer.append(bytes(buffer.limit))
    begun = time.monotonic()
    for _ in range(100_000):
        buffer.append(b"x")
    assert time.monotonic() - begun < 10
    assert buffer.dropped == 100_000


@pytest.mark.soak
def test_memory_is_flat(capsys: pytest.CaptureFixture[str]):
    total = 1000 * MIB if WHOLE else 60 * MIB
    seed = random.Random(1)
    pieces = [seed.randbytes(size) for size in (3, 40, 900, 4096, 65_000)]
    gc.collect()
    tracemalloc.start()
    buffer, most = OutputBuffer(), 0
    while buffer.end < total:
        for piece in pieces:
            buffer.append(piece)
        most = max(most, tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    with capsys.disabled():
        print(f"\n  {buffer.end / MIB:.0f} MiB through a buffer of 10 MiB: {most / MIB:.2f} MiB at most")
    assert buffer.dropped == buffer.end - 10 * MIB
    assert most < 10.5 * MIB


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_ten_full_buffers(capsys: pytest.CaptureFixture[str]):
    # Each session prints more than it keeps, a line at a time as programs do; what the process grows by is measured, boards' logs included.
    kept = 10 * MIB if WHOLE else MIB
    program = f"for _ in range({kept // 100 + 3000}): print('x' * 99)"
    limits = SessionLimits(buffer=kept)
    async with MultiSessionCoordinator({f"b{n}": "sim:" for n in range(4)}, limits=limits) as coordinator:
        for number in range(10):
            await coordinator.create(f"s{number}")
            await coordinator.send("print('x')", f"s{number}")
        before = resident()
        for session in coordinator.list():
            session.send(program)
        for session in coordinator.list():
            await session.settled()
            assert len(session.buffer) == kept
            assert session.buffer.dropped > 0
        grown = resident() - before
    with capsys.disabled():
        print(f"\n  ten sessions with {kept / MIB:.0f} MiB each: the process grew by {grown / 1e6:.1f} MB")
    assert grown < (125e6 if WHOLE else 25e6)


def resident() -> int:
    """Return how much memory this process holds, in bytes."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
