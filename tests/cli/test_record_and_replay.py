"""`devsession record`, `replay` and -b replay:CASSETTE, as whole processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def devsession(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "devsession", *map(str, arguments)],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cassette = tmp_path_factory.mktemp("cassettes") / "a.cassette"
    program = "x = 'hunter2'\nprint(x, 6 * 7)"
    done = devsession("record", "--mask", "hunter2", cassette, "-b", "sim:", "exec", program)
    assert (done.stdout, done.returncode) == ("hunter2 42\n", 0), done.stderr
    return cassette


def test_any_command_is_played(recorded: Path):
    played = devsession("-b", f"replay:{recorded}", "exec", "x = 'hunter2'\nprint(x, 6 * 7)")
    assert (played.stdout, played.stderr, played.returncode) == ("******* 42\n", "", 0)
    assert "hunter2" not in recorded.read_text()


def test_the_exit_code_of_what_is_recorded_is_kept(tmp_path: Path):
    cassette = tmp_path / "exit.cassette"
    for command in (("record", cassette, "-b", "sim:"), ("-b", f"replay:{cassette}")):
        assert devsession(*command, "exec", "import sys; sys.exit(7)").returncode == 7
    for command in (("-b", "sim:", "record", cassette), ("-b", f"replay:{cassette}")):
        assert devsession(*command, "eval", "[1, 2]").stdout == "[1, 2]\n"


def test_a_difference_is_shown_and_exits_with_4(recorded: Path):
    done = devsession("-b", f"replay:{recorded}", "exec", "x = 'hunter2'\nprint(x, 6 * 8)")
    assert done.returncode == 4
    assert "- line 2    print(x, 6 * 7)\n  + line 2    print(x, 6 * 8)\n" in done.stderr
    assert "hunter2" not in done.stderr


def test_a_cassette_can_be_read(recorded: Path):
    done = devsession("replay", recorded)
    assert done.returncode == 0
    assert (
        "exec 1, with the helper\n               x = '*******'\n               print(x, 6 * 7)\n"
        in done.stdout
    )
    assert "Ctrl-B, which leaves the raw REPL" in done.stdout
    assert "def r(" not in done.stdout
    found = json.loads(devsession("replay", "--json", recorded).stdout)
    assert found["header"]["cassette"] == 1
    assert found["links"][0][0]["open"] == "sim:"
    assert not found["cut"]


@pytest.mark.parametrize("command", [("replay", "none"), ("-b", "replay:none", "eval", "1")])
def test_a_cassette_that_is_not_there_is_no_board(command: tuple[str, ...]):
    done = devsession(*command)
    assert done.returncode == 3
    assert "No such file" in done.stderr


@pytest.mark.parametrize("way", ["before", "behind", "environment"])
def test_what_is_played_is_not_recorded_again(recorded: Path, tmp_path: Path, way: str):
    url = f"replay:{recorded}"
    before, behind, variables = {
        "before": (("-b", url), (), {}),
        "behind": ((), ("-b", url), {}),
        "environment": ((), (), {"DEVSESSION_BOARD": url}),
    }[way]
    done = devsession(*before, "record", tmp_path / "n", "exec", "1", *behind, **variables)
    assert done.returncode == 2
    assert "not recorded again" in done.stderr
    assert not (tmp_path / "n").exists()


def test_a_recording_in_a_recording_is_refused(tmp_path: Path):
    done = devsession("record", tmp_path / "n", "record", tmp_path / "o", "-b", "sim:", "exec", "1")
    assert done.returncode == 2
    assert "one recording at a time" in done.stderr
    assert not list(tmp_path.iterdir())


def test_without_a_command_there_is_nothing_to_record(tmp_path: Path):
    assert devsession("record", tmp_path / "a").returncode == 2
    assert devsession("record", tmp_path / "a", "nonsense").returncode == 2
    assert "DEVSESSION_RECORD=run.cassette" in devsession("record", "--help").stdout
