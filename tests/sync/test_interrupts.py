"""Ctrl-C of the host program: the program on the board ends, the board is usable, and then KeyboardInterrupt is raised."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devsession import sync
from devsession.sync import Board
from devsession.sync.loop_thread import current
from devsession.transport import watch

DEVSESSION = [sys.executable, "-m", "devsession"]


@pytest.fixture
def port(tmp_path: Path) -> Iterator[str]:
    """The port of a simulated board that another process serves."""
    link = tmp_path / "board"
    command = [*DEVSESSION, "sim", "serve", "--path", str(link)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.send_signal(signal.SIGINT)
            assert server.wait(10) == 0


def interrupted(code: str, *arguments: str) -> tuple[int, str, str]:
    """Run a program until it says that it is ready, press Ctrl-C, and return its exit code, what it printed then, and its errors."""
    command = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    return process.returncode, out, err


GOING_ON = """
import sys
from devsession.sync import connect
with connect(sys.argv[1]) as board:
    try:
        for text in board.stream("n = 0\\nprint('ready')\\nwhile True: n += 1"):
            print(text, end="", flush=True)
    except KeyboardInterrupt:
        print("interrupted", board.eval("n >= 0"))
"""


def test_a_program_that_goes_on_finds_the_board_usable(port: str):
    assert interrupted(GOING_ON, port) == (0, "interrupted True\n", "")


LEAVING = """
import sys
from devsession.sync import connect
with connect(sys.argv[1]) as board:
    board.add_watcher(lambda happening: print("ready", flush=True) if happening.name == "EXEC_BEGAN" else None)
    board.exec("while True: pass", timeout=None)
"""


def test_a_program_that_ends_leaves_the_board_to_the_next(port: str):
    code, out, err = interrupted(LEAVING, port)
    assert (code, out) == (-signal.SIGINT, "")
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert 'board.exec("while True' in err or "line 6" in err
    command = [*DEVSESSION, "-b", port, "eval", "6 * 7"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, "42\n")


CLEANING = """
from devsession.sync import DeviceSessionManager
with DeviceSessionManager.open("sim:") as manager, manager.session() as session:
    session.push_cleanup(lambda: print("cleaned", manager.board.eval("6 * 7"), flush=True))
    for text in session.stream("print('ready')\\nwhile True: pass"):
        print(text, end="", flush=True)
"""


def test_sessions_are_cleaned_up():
    code, out, err = interrupted(CLEANING)
    assert (code, out) == (-signal.SIGINT, "cleaned 42\n")
    assert err.rstrip().endswith("KeyboardInterrupt")


class Alarmed(Exception):  # noqa: N818 - it stands for a signal
    """What a signal handler raises."""


@contextlib.contextmanager
def alarm_after(seconds: float) -> Iterator[None]:
    def alarmed(*_: object) -> None:
        raise Alarmed

    before = signal.signal(signal.SIGALRM, alarmed)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_whatever_a_signal_handler_raises_cancels(board: Board):
    with pytest.raises(Alarmed), alarm_after(0.1):
        board.exec("while True: pass", timeout=None)
    assert board.eval("6 * 7") == 42


def test_a_second_signal_does_not_wait(board: Board):
    """The program shuts Ctrl-C out for a while: bringing back the board takes that long, and nobody has to wait for it."""
    texts = board.stream(
        "import micropython, time\nmicropython.kbd_intr(-1)\nprint('runs')\ntime.sleep(1)\nmicropython.kbd_intr(3)\nwhile True: pass"
    )
    assert next(texts).startswith("r")
    alarms = []

    def alarmed(*_: object) -> None:
        alarms.append("alarm")
        if len(alarms) == 1:
            signal.setitimer(signal.ITIMER_REAL, 0.1)
        raise Alarmed

    before = signal.signal(signal.SIGALRM, alarmed)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with pytest.raises(Alarmed):
            "".join(texts)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(alarms) == 2
    assert board.eval("6 * 7") == 42


def test_a_next_item_that_was_given_up_before_it_began(board: Board, monkeypatch: pytest.MonkeyPatch):
    texts = board.stream("print('runs')\nwhile True: pass")
    assert next(texts).startswith("r")

    def pressed(_: object) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(current(), "_hand_over", pressed)
    with pytest.raises(KeyboardInterrupt):
        next(texts)
    assert board.eval("6 * 7", timeout=5) == 42


def test_nothing_stays_of_a_wait_for_ports(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(watch, "list_ports", list)
    with pytest.raises(Alarmed), alarm_after(0.1):
        next(sync.watch_ports())
