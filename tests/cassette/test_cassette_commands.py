"""Cassettes on the command line, and the example suite: with nothing to run boards on, changed, and recorded anew."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "cassettes"


def devsession(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "devsession", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def pytest_in(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the example suite where no interpreter can be found."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--no-cov",
        "-c",
        ROOT / "pyproject.toml",
        "--rootdir",
        folder,
        folder,
    ]
    cleared = {"PATH": "/nonexistent", "HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=folder,
        env={**cleared, **environment},
    )


@pytest.fixture
def example(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "example", ignore=shutil.ignore_patterns("__pycache__")))


def test_the_example_plays_with_no_interpreter(example: Path):
    done = pytest_in(example)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_a_changed_line_is_shown(example: Path):
    suite = example / "test_led.py"
    suite.write_text(suite.read_text().replace("Pin(2, Pin.OUT)", "Pin(4, Pin.OUT)"))
    done = pytest_in(example)
    assert done.returncode == 1
    assert "- line 2    led = Pin(2, Pin.OUT)" in done.stdout
    assert "+ line 2    led = Pin(4, Pin.OUT)" in done.stdout


def test_it_is_recorded_anew(example: Path):
    (example / "board.cassette").unlink()
    found = {key: os.environ[key] for key in ("PATH", "HOME", "XDG_CACHE_HOME") if key in os.environ}
    environment = {"XDG_CACHE_HOME": str(Path(os.environ.get("HOME", "/"), ".cache")), **found}
    recording = {"DEVSESSION_BOARD": "sim:", "DEVSESSION_RECORD": str(example / "board.cassette")}
    assert pytest_in(example, **environment, **recording).returncode == 0
    assert "2 passed" in pytest_in(example).stdout


def test_commands_are_recorded_played_and_shown(tmp_path: Path):
    cassette = tmp_path / "c"
    program = tmp_path / "prog.py"
    program.write_text("import sys\nprint('measured', 42)\nsys.exit(3)\n")
    done = devsession("record", cassette, "-b", "sim:", "run", program)
    assert (done.returncode, done.stdout) == (3, "measured 42\n")
    played = devsession("-b", f"replay:{cassette}", "run", program)
    assert (played.returncode, played.stdout) == (3, "measured 42\n")
    program.write_text("print('measured', 43)\n")
    changed = devsession("-b", f"replay:{cassette}", "run", program)
    assert changed.returncode == 4
    assert "this is not what was recorded in exec 1" in changed.stderr
    shown = devsession("replay", cassette)
    assert "print('measured', 42)" in shown.stdout
    assert json.loads(devsession("replay", "--json", cassette).stdout)["header"]["cassette"] == 1
    assert devsession("replay", tmp_path / "none").returncode != 0


def test_masked_on_the_command_line(tmp_path: Path):
    cassette = tmp_path / "c"
    devsession("record", "--mask", "hunter2", cassette, "-b", "sim:", "exec", "print('hunter2')")
    assert "hunter2" not in cassette.read_text()
    assert devsession("-b", f"replay:{cassette}", "exec", "print('another')").stdout == "*******\n"
