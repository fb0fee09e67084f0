"""Boards shared by workers and by several runs: never used twice at a time, none left locked."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from user_runs import Run, serving

from devsession.pool.locks import Locks

NAMES = ["left", "middle", "right"]
BOARDS = [f"--devsession-board=sim:{name}" for name in NAMES]
# Each test writes down when it had which board; every third one wants two.
TESTS = """
import os, time

LOG = os.environ["BOARD_LOG"]
NUMBERS = range(int(os.environ["NUMBER_OF_TESTS"]))

def note(boards, began):
    with open(LOG, "a") as log:
        for board in boards:
            log.write(f"{board.url} {began!r} {time.monotonic()!r} {os.getpid()}\\n")

@pytest.mark.parametrize("n", [n for n in NUMBERS if n % 3])
def test_one(board, n):
    began = time.monotonic()
    assert board.eval(f"{n} + 1") == n + 1
    note([board], began)

@pytest.mark.devsession(count=2)
@pytest.mark.parametrize("n", [n for n in NUMBERS if n % 3 == 0])
def test_two(boards, n):
    began = time.monotonic()
    assert [board.eval(f"{n} + 1") for board in boards] == [n + 1] * 2
    assert boards[0].url != boards[1].url
    note(boards, began)
"""
NUMBER = 90


@pytest.fixture
def three_boards() -> Iterator[None]:
    with serving(NAMES):
        yield


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "used.log"
    path.touch()
    return path


def uses(log: Path) -> dict[str, list[tuple[float, float]]]:
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for line in log.read_text().splitlines():
        url, began, ended, _ = line.split()
        found[url].append((float(began), float(ended)))
    return found


def check_uses(log: Path, number: int) -> None:
    found = uses(log)
    # Every third test used two boards.
    assert sum(map(len, found.values())) == number + len(range(0, number, 3))
    assert len(found) == len(NAMES)
    for intervals in found.values():
        assert all(before[1] <= after[0] for before, after in pairwise(sorted(intervals)))


def check_free() -> None:
    locks = Locks()
    for name in NAMES:
        lock = locks.try_lock(f"sim:{name}")
        assert lock is not None, locks.holder(f"sim:{name}")
        lock.release()


@pytest.mark.parametrize("workers", [0, 3, 8])
def test_workers_share_boards(run: Run, three_boards: None, log: Path, workers: int):
    outcome = run(
        TESTS,
        f"-n{workers}",
        "--devsession-scope=function",
        *BOARDS,
        BOARD_LOG=str(log),
        NUMBER_OF_TESTS=str(NUMBER),
    )
    assert (outcome.code, outcome.passed) == (0, NUMBER), outcome
    check_uses(log, NUMBER)
    check_free()


def test_three_runs_at_once(
    folder: Path, start: Callable[..., subprocess.Popen[str]], three_boards: None, log: Path
):
    (folder / "test_user.py").write_text("import pytest\n" + TESTS)
    variables = {"BOARD_LOG": str(log), "NUMBER_OF_TESTS": str(NUMBER)}
    runs = [start("-n2", "--devsession-scope=function", *BOARDS, **variables) for _ in range(3)]
    for process in runs:
        text, _ = process.communicate(timeout=100)
        assert re.search(rf"^{NUMBER} passed", text, re.MULTILINE), text
    found = uses(log)
    for intervals in found.values():
        assert all(before[1] <= after[0] for before, after in pairwise(sorted(intervals)))
    assert sum(map(len, found.values())) == 3 * (NUMBER + len(range(0, NUMBER, 3)))
    check_free()


def test_a_board_kept_for_a_module_goes_to_the_next_worker(run: Run, three_boards: None, log: Path):
    outcome = run(TESTS, "-n4", *BOARDS, BOARD_LOG=str(log), NUMBER_OF_TESTS="12")
    assert (outcome.code, outcome.passed) == (0, 12), outcome
    check_free()


def test_a_killed_worker_frees_its_board(run: Run, three_boards: None):
    outcome = run(
        """
import os, signal

@pytest.mark.parametrize("n", range(30))
def test_it(board, n):
    if n == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    assert board.eval("1") == 1
""",
        "-n3",
        "--devsession-scope=function",
        *BOARDS,
    )
    assert (outcome.passed, outcome.failed, outcome.errors) == (29, 1, 0), outcome
    check_free()


def test_a_killed_run_frees_its_boards(
    folder: Path, start: Callable[..., subprocess.Popen[str]], three_boards: None
):
    (folder / "test_user.py").write_text("""
import time, pytest

@pytest.mark.devsession(count=3)
def test_waits(boards):
    open("held", "w").close()
    time.sleep(60)
""")
    process = start(*BOARDS)
    while not (folder / "held").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    assert str(Locks().holder("sim:left")).startswith("test_user.py [main]")
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    check_free()


def test_who_holds_a_board_is_told(run: Run, three_boards: None):
    lock = Locks().try_lock("sim:left")
    assert lock is not None
    lock.say("somebody's test")
    outcome = run(
        """
def test_it(board):
    pass
""",
        BOARDS[0],
        "--devsession-acquire-timeout=0.2",
    )
    lock.release()
    assert (outcome.errors, outcome.failed) == (1, 0), outcome
    assert "sim:left is held by somebody's test" in outcome.text


def test_the_least_recently_used_board_is_next(run: Run, three_boards: None, log: Path):
    source = TESTS + "\nassert NUMBERS\n"
    outcome = run(
        source,
        "--devsession-scope=function",
        *BOARDS,
        "-k",
        "test_one",
        BOARD_LOG=str(log),
        NUMBER_OF_TESTS="9",
    )
    assert outcome.passed == 6, outcome
    assert {url: len(times) for url, times in uses(log).items()} == {f"sim:{name}": 2 for name in NAMES}
