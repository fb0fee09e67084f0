"""Long runs: interruptions at random moments, and thousands of execs on one connection."""

import asyncio
import gc
import os
import random
import resource
from pathlib import Path

import pytest

from devsession import connect
from devsession.board.board import Board
from devsession.board.output import OUTPUT_KEPT
from devsession.errors import DeviceResetError, UsageError

pytestmark = pytest.mark.soak

WHOLE = bool(os.environ.get("DEVSESSION_SOAK"))
INTERRUPTIONS = 1000 if WHOLE else 400
EXECS = 10_000 if WHOLE else 800

PROGRAMS = {
    "allocate": "kept = []\nwhile True:\n    kept.append(bytearray(64))\n    if len(kept) > 500:\n        kept = []",
    "print": "n = 0\nwhile True:\n    n += 1\n    print('line', n, [n] * 5)",
    "write files": "while True:\n    with open('soak.txt', 'w') as f:\n        f.write('x' * 500)",
    "sleep": "import time\nwhile True:\n    time.sleep_ms(3)",
    "read stdin": "import sys\nwhile True:\n    sys.stdin.read(1)",
    "compute": "while True:\n    sum(range(100))",
    "short": "pass",
}


async def interrupted(board: Board, program: str, delay: float) -> bool:
    """Run a program, interrupt it after ``delay``; return whether a reset was reported. Anything else fails.

    What was defined before must still be there, unless a reset was reported: there is no third case.
    """
    canary = random.randrange(10**6)
    await board.exec(f"canary = {canary}")
    epoch = board.epoch
    async with asyncio.timeout(30), board.start(program) as running:
        await asyncio.sleep(delay)
        if not board.interrupt():
            await running.stop()
        try:
            await running.result()
        except (DeviceResetError, UsageError):
            pass
    try:
        assert await board.eval("6 * 7") == 42
    except DeviceResetError:
        assert await board.eval("6 * 7") == 42
    if board.epoch == epoch:
        assert await board.eval("canary") == canary
    return board.epoch != epoch


@pytest.mark.timeout(600)
async def test_interruptions_at_random_moments(capsys: pytest.CaptureFixture[str]):
    seed = random.Random(20)
    usable = resets = 0
    async with connect("sim:") as board:
        for _ in range(INTERRUPTIONS):
            program = PROGRAMS[seed.choice(list(PROGRAMS))]
            if await interrupted(board, program, seed.uniform(0, 0.020)):
                resets += 1
            else:
                usable += 1
    with capsys.disabled():
        print(f"\n  {INTERRUPTIONS} interruptions: {usable} usable at once, {resets} with a reset reported")
    assert usable + resets == INTERRUPTIONS


def resident() -> int:
    """Return how much memory this process holds, in KiB."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024


@pytest.mark.timeout(600)
async def test_many_execs_leave_no_trace(capsys: pytest.CaptureFixture[str]):
    seed = random.Random(8)
    async with connect("sim:") as board:

        async def round_trip() -> None:
            data, size = seed.randbytes(seed.randrange(8192)), seed.randrange(8192)
            execution = await board.exec(f"print('y' * {size})\nd = {data!r}")
            assert execution.output == "y" * size + "\n"
            assert await board.eval("d") == data

        async def heap() -> int:
            await board.exec("d = None\nimport gc\ngc.collect()\ngc.collect()")
            free: int = await board.eval("gc.mem_free()")
            return free

        # What the board prints is kept, up to a limit: full from the beginning, so that only a leak can grow.
        await board.exec(f"for _ in range({OUTPUT_KEPT // 1000 + 1}): print('x' * 999)", timeout=60)
        for _ in range(200):
            await round_trip()
        before, host_before = await heap(), resident()
        for _ in range(EXECS // 2):
            await round_trip()
        lost, grown = before - await heap(), resident() - host_before
    with capsys.disabled():
        print(f"\n  {EXECS} execs: {lost} bytes of board heap lost, host memory grew by {grown} KiB")
    assert lost < 1024
    assert grown < 4096
