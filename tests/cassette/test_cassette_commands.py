"""Cassettes on the command line."""

import json
import subprocess
import sys
from pathlib import Path


def devsession(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "devsession", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


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
