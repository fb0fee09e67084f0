"""The example suite: green without an interpreter, a readable difference for a changed line, and recorded anew."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "cassettes"


def pytest_run(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    hidden = {"DEVSESSION_MICROPYTHON", "DEVSESSION_BOARD", "DEVSESSION_RECORD"}
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    options = ["-q", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto", f"--rootdir={folder}", str(folder)]
    command = [sys.executable, "-B", "-m", "pytest", *options]
    return subprocess.run(
        command, env={**env, **variables}, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "suite"))


@pytest.fixture
def nowhere(tmp_path: Path) -> dict[str, str]:
    """An environment in which no interpreter can be found."""
    (tmp_path / "empty").mkdir()
    return {"PATH": str(tmp_path / "empty"), "XDG_CACHE_HOME": str(tmp_path / "empty"), "HOME": str(tmp_path)}


def test_the_suite_plays_where_there_is_no_interpreter(suite: Path, nowhere: dict[str, str]):
    done = pytest_run(suite, **nowhere)
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_a_changed_line_is_shown_as_that_line(suite: Path, nowhere: dict[str, str]):
    test = suite / "test_thermometer.py"
    test.write_text(test.read_text().replace("(-40, 0, 37.5)", "(-40, 0, 38.5)"))
    done = pytest_run(suite, **nowhere)
    assert "1 failed, 2 passed" in done.stdout
    assert "CassetteMismatchError: this is not what was recorded in exec 2, in line" in done.stdout
    assert "- line 1    [fahrenheit(t) for t in (-40, 0, 37.5)]" in done.stdout
    assert "+ line 1    [fahrenheit(t) for t in (-40, 0, 38.5)]" in done.stdout


def test_a_line_left_out_is_told_at_the_end(suite: Path, nowhere: dict[str, str]):
    test = suite / "test_thermometer.py"
    test.write_text(test.read_text().replace('    assert await board.eval("fahrenheit(0)") == 32.0\n', ""))
    done = pytest_run(suite, **nowhere)
    assert "3 passed, 1 error" in done.stdout
    assert "CassetteUnplayedError" in done.stdout
    assert "the next is, in line" in done.stdout


def test_the_suite_is_recorded_anew_and_plays(suite: Path, nowhere: dict[str, str]):
    recorded_on("sim:", suite, nowhere)


@pytest.mark.usefixtures("emulators")
@pytest.mark.parametrize("url", ["sim:microbit", "sim:mps2"])
def test_the_suite_recorded_on_real_firmware_plays(url: str, suite: Path, nowhere: dict[str, str]):
    recorded_on(url, suite, nowhere)


def recorded_on(url: str, suite: Path, nowhere: dict[str, str]) -> None:
    for cassette in suite.glob("*.cassette"):
        cassette.unlink()
    recorded = pytest_run(suite, DEVSESSION_BOARD=url, RECORD="1")
    assert recorded.returncode == 0, recorded.stdout
    assert len(list(suite.glob("*.cassette"))) == 3
    assert "3 passed" in pytest_run(suite, **nowhere).stdout
