"""A CircuitPython board on the command line: watched, at its own prompt, reset, rescued."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from test_monitor_and_repl import TICKS, Terminal, devsession

URL = "sim:circuitpython"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "code.py").write_text(TICKS)
    return tmp_path


@pytest.fixture
def repl() -> Iterator[Terminal]:
    terminal = Terminal("-b", URL, "repl")
    yield terminal
    terminal.close()


def test_the_repl_is_the_boards_own_prompt(repl: Terminal):
    # What the command sends to see a prompt is the key that the board waits for.
    repl.until(b">>> ")
    repl.type(b"6*7\r")
    repl.until(b"\r\n42\r\n>>> ")
    repl.type(b"while True: print('on')\r\r")
    repl.until(b"on\r\non\r\n")
    repl.type(b"\x03")
    repl.until(b"KeyboardInterrupt")
    repl.until(b">>> ")
    repl.type(b"\x04")
    repl.until(b"soft reboot")
    repl.until(b"Press any key to enter the REPL. Use CTRL-D to reload.")
    repl.type(b"x")
    repl.until(b"Adafruit CircuitPython 9.2.1")
    repl.until(b">>> ")
    repl.type(b"\x1d")
    assert repl.process.wait(10) == 0
    assert repl.is_as_before()


def test_monitor_does_not_disturb(root: Path):
    done = devsession("-b", f"{URL}?root={root}", "monitor", "--until", "tick 20")
    assert done.returncode == 0
    assert "code.py output:\n" in done.stdout
    assert "\x1b]0" not in done.stdout
    assert [f"tick {n}" in done.stdout for n in range(20)] == [True] * 20
    done = devsession("-b", f"{URL}?root={root}", "monitor", "--reset", "soft", "--until", "tick 3")
    assert "code.py output:" in done.stdout


def test_reset_tells_what_ran(root: Path):
    (root / "boot.py").write_text("print('in a file')")
    done = devsession("-b", f"{URL}?root={root}", "reset", "--hard")
    assert (done.returncode, "boot.py ran, main.py interrupted" in done.stdout + done.stderr) == (0, True)
    done = devsession("-b", f"{URL}?root={root}", "reset")
    assert "boot.py skipped, main.py skipped" in done.stdout + done.stderr


def test_rescue_on_a_drive_says_why_it_cannot(root: Path):
    done = devsession("-b", f"{URL}?root={root}", "rescue")
    assert done.returncode == 1
    assert "Read-only filesystem" in done.stderr
    done = devsession("-b", f"{URL}?root={root}&drive=off", "rescue")
    assert done.returncode == 0
    assert sorted(path.name for path in root.iterdir()) == ["boot_out.txt", "code.py.off"]


def test_a_program_runs_with_its_arguments_and_exit_code(tmp_path: Path):
    program = tmp_path / "prog.py"
    program.write_text("import sys\nprint(sys.argv[1:])\nsys.exit(len(sys.argv))")
    done = devsession("-b", URL, "run", str(program), "--", "a", "b")
    assert (done.stdout, done.returncode) == ("['a', 'b']\n", 3)
    done = devsession("-b", URL, "bootloader")
    assert done.returncode == 1
    assert "no bootloader is present" in done.stderr
