"""The examples run, and so does the code in the README."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("example", sorted(path.name for path in (ROOT / "examples").glob("*.py")))
def test_examples_run(example: str):
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / example], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@pytest.mark.parametrize("which", [1, 2], ids=["async", "sync"])
def test_the_readmes_code_runs(which: int):
    code = (ROOT / "README.md").read_text("utf-8").split("```python\n")[which].split("```")[0]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("measuring 0\nmeasuring 1\nmeasuring 2\n")


def test_the_program_of_the_demo_runs():
    program = ROOT / "examples" / "on_board" / "sieve.py"
    command = [sys.executable, "-m", "devsession", "-b", "sim:", "run", program, "--", "20"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "8 primes below 20 on linux" in done.stdout


def test_the_readmes_session_runs(tmp_path: Path):
    blocks = (ROOT / "README.md").read_text("utf-8").split("```python\n")[1:]
    (code,) = (block.split("```")[0] for block in blocks if "DeviceSessionManager.open" in block)
    program = tmp_path / "session.py"
    program.write_text(
        "import asyncio\nfrom devsession import DeviceSessionManager\n\nasync def main():\n"
        + textwrap.indent(code, "    ")
        + "\nasyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "1 [150]\ncleaned up last\n"
