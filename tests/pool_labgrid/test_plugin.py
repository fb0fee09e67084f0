"""The pytest plugin with boards of a farm: runs of pytest as a user has them, each of them a client of the farm or several."""

import os
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from farm import BOARDS, PYTHON, ROOT, START_TIMEOUT, Client, Farm
from user_runs import starting

Start = Callable[..., subprocess.Popen[str]]
LIMIT = 90
FARM = "--devsession-board=labgrid:pool=ci"
# Each test writes down when it had which board; every third one wants two.
TESTS = """
import time

def note(boards, began):
    with open("used.log", "a") as log:
        for board in boards:
            log.write(f"{board.url} {began!r} {time.monotonic()!r}\\n")

@pytest.mark.parametrize("n", range(6))
def test_one(board, n):
    began = time.monotonic()
    assert board.eval(f"{n} + 1") == n + 1
    note([board], began)

@pytest.mark.devsession(count=2)
@pytest.mark.parametrize("n", range(3))
def test_two(boards, n):
    began = time.monotonic()
    assert [board.eval(f"{n} + 1") for board in boards] == [n + 1] * 2
    note(boards, began)
"""


@pytest.fixture
def start(farm: Farm, client: Callable[..., Client], tmp_path: Path) -> Iterator[Start]:
    """Starts a run of pytest; ``locks`` is its directory of locks: another one is as good as another computer."""
    one = client()
    for name in BOARDS:
        one.wait_for(name)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    options = ("-q", "-rs", "-p", "no:cacheprovider")
    with starting(tmp_path) as begin:

        def starter(source: str, *arguments: str, locks: str = "locks") -> subprocess.Popen[str]:
            (tmp_path / "test_user.py").write_text("import pytest\n" + source)
            variables = {
                "PYTHONPATH": str(ROOT),
                "LG_COORDINATOR": farm.address,
                "DEVSESSION_LOCK_DIR": str(tmp_path / locks),
            }
            return begin([PYTHON, "-m", "pytest", *options, *arguments], variables)

        yield starter


def outcome(process: subprocess.Popen[str]) -> str:
    return process.communicate(timeout=LIMIT)[0]


def test_workers_and_another_computer_share_a_farm(start: Start, tmp_path: Path):
    options = ("-n2", FARM, "--devsession-scope=function")
    runs = [start(TESTS, *options, locks=computer) for computer in ("here", "there")]
    for process in runs:
        told = outcome(process)
        assert "9 passed" in told, told
    uses = defaultdict(list)
    for line in (tmp_path / "used.log").read_text().splitlines():
        url, began, ended = line.split()
        uses[url].append((float(began), float(ended)))
    assert sum(map(len, uses.values())) == 2 * (6 + 3 * 2)
    for intervals in uses.values():
        assert all(before[1] <= after[0] for before, after in pairwise(sorted(intervals)))


def test_a_place_is_chosen_by_its_tags(start: Start):
    told = outcome(
        start(
            """
@pytest.mark.devsession(requires=["port=rp2", "wifi"])
def test_it(board, board_session, record_property):
    assert board.url.startswith("rfc2217:")
    assert board_session.exec("print(6 * 7)").output == "42\\n"

@pytest.mark.devsession(requires="port=samd")
def test_never(board):
    pass
""",
            FARM,
        )
    )
    assert "1 passed, 1 skipped" in told, told
    assert "rp2-a has no port=samd" in told


def test_a_killed_run_keeps_nobody_from_its_places(start: Start, tmp_path: Path):
    holding = start(
        """
import time

@pytest.mark.devsession(count=3)
def test_waits(boards):
    open("held", "w").close()
    time.sleep(60)
""",
        FARM,
    )
    deadline = time.monotonic() + START_TIMEOUT
    while not (tmp_path / "held").exists():
        assert holding.poll() is None, outcome(holding)
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(holding.pid, signal.SIGKILL)
    holding.wait(10)
    told = outcome(start("@pytest.mark.devsession(count=3)\ndef test_it(boards):\n    pass\n", FARM))
    assert "1 passed" in told, told


def test_who_has_a_place_is_told(start: Start, client: Callable[..., Client]):
    other = client()
    other.wait_for("rp2-b")
    other.do("open", "rp2-b")
    told = outcome(
        start(
            "def test_it(board):\n    pass\n",
            "--devsession-board=labgrid:name=rp2-b",
            "--devsession-acquire-timeout=1",
        )
    )
    assert "1 error" in told, told
    assert f"no board became free within 1 s: rp2-b is held by {other.do('who')}" in told
    other.do("close", "rp2-b")


def test_a_place_that_is_lost_fails_its_test_only(start: Start):
    told = outcome(
        start(
            """
import subprocess, sys, time

def test_loses(board):
    command = [sys.executable, "-m", "labgrid.remote.client", "-p", "rp2-b", "release", "--kick"]
    subprocess.run(command, check=True)
    for _ in range(100):
        board.exec("1")
        time.sleep(0.05)

def test_after(board):
    assert board.eval("1") == 1
""",
            "--devsession-board=labgrid:name=rp2-b",
        )
    )
    assert "1 failed, 1 passed" in told, told
    assert "LinkLostError: the farm has taken it away" in told


@pytest.mark.parametrize("url", ["labgrid://127.0.0.1:1/pool=ci", "labgrid:pool=none"])
def test_a_farm_in_trouble_is_an_error(start: Start, url: str):
    # Though there would be a simulated one.
    told = outcome(
        start("def test_it(board):\n    pass\n", f"--devsession-board={url}", "--devsession-board=sim:")
    )
    assert "1 error" in told, told
    assert "ProviderError" in told
