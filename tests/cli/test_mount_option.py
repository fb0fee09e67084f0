"""`--mount`, as whole processes."""

import subprocess
import sys
from pathlib import Path

import pytest


def devsession(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "devsession", "-b", "sim:", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def shown(tmp_path: Path) -> Path:
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "thermometer.py").write_text("def celsius():\n    return float(open('reading.txt').read())\n")
    (folder / "reading.txt").write_text("21.5")
    return folder


def test_a_program_sees_the_directory_as_its_own(shown: Path):
    main = shown.parent / "main.py"
    main.write_text(
        "import sys, os, thermometer\nprint(thermometer.celsius(), sys.argv[1:], os.getcwd())\nsys.exit(3)"
    )
    done = devsession("run", "--mount", str(shown), str(main), "--", "a")
    assert (done.stdout, done.stderr, done.returncode) == ("21.5 ['a'] /remote\n", "", 3)
    done = devsession("exec", "--mount", str(shown), "import thermometer; print(thermometer.celsius())")
    assert (done.stdout, done.returncode) == ("21.5\n", 0)


def test_it_may_change_it_when_that_is_said(shown: Path):
    done = devsession("exec", "--mount", str(shown), "open('log.txt', 'w')")
    assert done.returncode == 1
    assert "OSError: 30" in done.stderr
    assert "writable" in done.stderr
    assert not (shown / "log.txt").exists()
    done = devsession("exec", "--mount", str(shown), "--writable", "open('log.txt', 'w').write('done')")
    assert (done.stderr, done.returncode) == ("", 0)
    assert (shown / "log.txt").read_text() == "done"


def test_an_exception_names_the_files_of_this_computer(shown: Path):
    (shown / "broken.py").write_text("\n1 / 0\n")
    done = devsession("exec", "--mount", str(shown), "import broken")
    assert done.returncode == 1
    assert 'File "broken.py", line 2' in done.stderr


def test_wrong_use(shown: Path):
    assert devsession("exec", "--writable", "1").returncode == 2
    assert devsession("exec", "--mount", str(shown / "none"), "1").returncode == 2
