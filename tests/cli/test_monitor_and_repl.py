"""Watching boards, working at their prompt, and starting them anew from the command line, as whole processes."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

DEVSESSION = [sys.executable, "-m", "devsession"]
TICKS = "import time\nn = 0\nwhile True:\n print('tick', n)\n n += 1\n time.sleep(0.01)\n"


def devsession(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DEVSESSION, *arguments], capture_output=True, text=True, timeout=60, check=False, **options
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "main.py").write_text(TICKS)
    return tmp_path


def test_monitor_does_not_disturb(root: Path):
    done = devsession("-b", f"sim:?root={root}", "monitor", "--timeout", "1")
    assert done.returncode == 0
    ticks = [int(n) for n in re.findall(r"tick (\d+)\n", done.stdout)]
    assert ticks == list(range(len(ticks)))
    assert len(ticks) > 20


def test_monitor_until(root: Path):
    done = devsession("-b", f"sim:?root={root}", "monitor", "--reset", "hard", "--until", "tick 7")
    assert done.returncode == 0
    assert "tick 7" in done.stdout
    done = devsession("-b", "sim:", "monitor", "--until", "never", "--timeout", "0.3")
    assert done.returncode == 124
    assert devsession("-b", "sim:", "monitor", "--until", "(").returncode == 2


def test_monitor_tells_times(root: Path):
    url = f"sim:?root={root}"
    done = devsession("-b", url, "monitor", "--timestamps", "--reset", "soft", "--until", "tick 3")
    lines = [line for line in done.stdout.splitlines() if "tick" in line]
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} tick 0", lines[0])
    done = devsession("-b", url, "monitor", "--json", "--until", "tick 3")
    pieces = [json.loads(line) for line in done.stdout.splitlines()]
    assert "tick 3" in "".join(piece["text"] for piece in pieces)
    assert abs(pieces[0]["time"] - time.time()) < 60


def test_characters_that_come_in_pieces(tmp_path: Path):
    bytewise = (
        "import sys, time\nwhile True:\n for byte in 'température 20€\\n'.encode():\n"
        "  sys.stdout.buffer.write(bytes([byte]))\n  time.sleep(0.003)\n"
    )
    (tmp_path / "main.py").write_text(bytewise, "utf-8")
    url = f"sim:?root={tmp_path}"
    watch = ["-b", url, "monitor", "--reset", "hard", "--timeout", "10"]
    done = devsession(*watch, "--until", "température 20€")
    assert done.returncode == 0
    done = devsession(*watch, "--json", "--until", "(?s)20.*20€")
    assert done.returncode == 0
    text = "".join(json.loads(line)["text"] for line in done.stdout.splitlines())
    assert text.count("température 20€") == 2
    assert "\\x" not in text


def test_reset_tells_what_ran(tmp_path: Path):
    (tmp_path / "main.py").write_text("print('main')\n")
    url = f"sim:?root={tmp_path}"
    soft = json.loads(devsession("-b", url, "reset", "--json").stdout)
    assert (soft["kind"], soft["boot.py"], soft["main.py"]) == ("raw-soft", "absent", "skipped")
    hard = devsession("-b", url, "reset", "--hard")
    assert "line reset in" in hard.stderr
    assert "main.py ran" in hard.stderr


def test_rescue_gets_into_a_board_that_keeps_everybody_out(tmp_path: Path):
    (tmp_path / "main.py").write_text(
        "import micropython, time\ntime.sleep(0.5)\nmicropython.kbd_intr(-1)\nwhile True: pass\n"
    )
    (tmp_path / "main.py.off").write_text("")
    # It is deaf when the command comes to it: the board is served, and has been up for a while.
    with serving("rescued", root=tmp_path):
        time.sleep(1.0)
        done = devsession("-b", "sim:rescued", "rescue", "--timeout", "1")
        assert done.returncode == 3
        assert "press its reset button" in done.stderr
    (tmp_path / "main.py").write_text(
        "import micropython, time\ntime.sleep(0.2)\nmicropython.kbd_intr(-1)\nwhile True: pass\n"
    )
    done = devsession("-b", f"sim:?root={tmp_path}", "rescue", "--json")
    assert json.loads(done.stdout)["renamed"] == {"main.py": "main.py.off_"}
    assert devsession("-b", f"sim:?root={tmp_path}", "eval", "6*7").stdout == "42\n"


def test_the_clock_is_set_and_read():
    done = devsession("-b", "sim:", "rtc", "--set")
    assert time.strftime("%Y-%m-%d %H:%M") in done.stdout or time.localtime().tm_sec < 5
    assert devsession("-b", "sim:", "rtc", "--utc").returncode == 2


def test_a_board_without_boot_loader_says_so():
    done = devsession("-b", "sim:", "bootloader")
    assert done.returncode == 1
    assert "this firmware does not do: it lacks a function that starts its boot loader" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("flags", [["--soft", "--run"], ["--run", "--hard"]])
def test_resets_of_two_kinds_at_once_are_refused(flags: list[str]):
    done = devsession("-b", "sim:", "reset", *flags)
    assert done.returncode == 2
    assert "choose one" in done.stderr


class serving:  # noqa: N801 - reads as a statement
    """A served board, for the time of a block."""

    def __init__(self, name: str, root: Path):
        self._argv = [*DEVSESSION, "sim", "serve", name, "--root", str(root)]

    def __enter__(self):
        self._process = subprocess.Popen(self._argv, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def __exit__(self, *_):
        assert self._process.stdout is not None
        self._process.send_signal(signal.SIGINT)
        self._process.wait(10)
        self._process.stdout.close()


class Terminal:
    """The command in a terminal of its own, as a person has one."""

    def __init__(self, *arguments: str):
        self.master, slave = pty.openpty()
        self.before = termios.tcgetattr(slave)
        self._slave = slave
        self.process = subprocess.Popen(
            [*DEVSESSION, *arguments], stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        self.seen = b""

    def type(self, data: bytes) -> None:
        os.write(self.master, data)

    def until(self, wanted: bytes, timeout: float = 10) -> bytes:
        end = time.monotonic() + timeout
        while wanted not in self.seen:
            assert time.monotonic() < end, f"{wanted!r} did not come: {self.seen!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += os.read(self.master, 4096)
        before, _, self.seen = self.seen.partition(wanted)
        return before + wanted

    def is_as_before(self) -> bool:
        return termios.tcgetattr(self._slave) == self.before

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self._slave)


@pytest.fixture
def repl() -> Iterator[Terminal]:
    terminal = Terminal("-b", "sim:", "repl")
    yield terminal
    terminal.close()


def test_the_repl_is_the_boards_own_prompt(repl: Terminal):
    repl.until(b">>> ")
    assert not repl.is_as_before()
    repl.type(b"6*7\r")
    repl.until(b"\r\n42\r\n>>> ")
    repl.type(b"while True: print('on')\r\r")
    repl.until(b"on\r\non\r\n")
    repl.type(b"\x03")
    repl.until(b"KeyboardInterrupt")
    repl.type(b"\x04")
    repl.until(b"soft reboot")
    repl.until(b">>> ")
    repl.type(b"import machine; machine.reset()\r")
    repl.until(b"MicroPython v")
    repl.until(b">>> ")
    repl.type(b"print('\\x1b[1mbold')\r")
    repl.until(b"\x1b[1mbold\r\n")
    repl.type(b"\x1d")
    assert repl.process.wait(10) == 0
    assert repl.is_as_before()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_the_terminal_is_put_back_on_every_way_out(repl: Terminal, number: int, code: int):
    repl.until(b">>> ")
    assert not repl.is_as_before()
    repl.process.send_signal(number)
    assert repl.process.wait(10) == code
    assert repl.is_as_before()


FLOOD = b"while True: print('x' * 100)\r\r"


def test_a_terminal_that_nobody_reads_holds_nothing_up(repl: Terminal):
    repl.until(b">>> ")
    repl.type(FLOOD)
    repl.until(b"x" * 100)
    await_full(repl.master)
    repl.process.send_signal(signal.SIGTERM)
    assert repl.process.wait(10) == 143
    assert repl.is_as_before()


@pytest.mark.parametrize("command", [["exec", FLOOD.decode()], ["monitor"]])
def test_other_commands_on_a_terminal_that_nobody_reads(command: list[str], tmp_path: Path):
    (tmp_path / "main.py").write_bytes(FLOOD)
    terminal = Terminal("-b", f"sim:?root={tmp_path}", *command)
    try:
        await_full(terminal.master)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.process.wait(10) == 143
    finally:
        terminal.close()


def test_a_terminal_that_is_closed_ends_the_repl(tmp_path: Path):
    master, slave = pty.openpty()
    with (tmp_path / "said").open("w+b") as said:
        process = subprocess.Popen(
            [*DEVSESSION, "-b", "sim:", "repl"], stdin=slave, stdout=slave, stderr=said
        )
        os.close(slave)
        seen = b""
        while b">>> " not in seen:
            seen += os.read(master, 4096)
        # It is not the terminal that controls the process, so no signal comes with its end.
        os.close(master)
        assert process.wait(10) == 129
        said.seek(0)
        assert b"Traceback" not in said.read()


def await_full(master: int) -> None:
    """Wait until a terminal holds what it can hold: the kernel's 64 KiB at most, and nothing more comes."""
    before, waiting = -1, 0
    while waiting == 0 or waiting != before:
        time.sleep(0.3)
        before, waiting = (
            waiting,
            int.from_bytes(fcntl.ioctl(master, termios.FIONREAD, b"1234"), sys.byteorder),
        )


def test_the_repl_finds_its_board_again(tmp_path: Path):
    with serving("comes-back", root=tmp_path):
        terminal = Terminal("-b", "sim:comes-back", "repl")
        terminal.until(b">>> ")
    try:
        terminal.until(b"the link was lost")
        with serving("comes-back", root=tmp_path):
            terminal.until(b"the board is back")
            terminal.type(b"6*7\r")
            terminal.until(b"\r\n42\r\n>>> ")
            terminal.type(b"\x1d")
            assert terminal.process.wait(10) == 0
        assert terminal.is_as_before()
    finally:
        terminal.close()
