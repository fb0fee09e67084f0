"""Watching a board that prints a lot, for long: nothing is lost, and memory stays flat."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.soak

SECONDS = 600 if os.environ.get("DEVSESSION_SOAK") else 6
# 100 lines of 100 bytes each tenth of a second: 100 KB/s.
MAIN = (
    "import time\nn = 0\nbegun = time.ticks_ms()\nwhile True:\n"
    " for _ in range(100):\n  print('%09d' % n + ' ' + 'x' * 89)\n  n += 1\n"
    " time.sleep_ms(max(0, n - time.ticks_diff(time.ticks_ms(), begun)))\n"
)


def resident(pid: int) -> int:
    """Return how much memory a process holds, in KiB."""
    match = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert match is not None
    return int(match[1])


@pytest.mark.timeout(SECONDS + 120)
def test_a_hundred_kilobytes_a_second(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "main.py").write_text(MAIN)
    command = [sys.executable, "-m", "devsession", "-b", f"sim:?root={tmp_path}", "monitor"]
    memory, lines = [], 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        end = time.monotonic() + SECONDS
        for line in process.stdout:
            assert line == f"{lines:09d} {'x' * 89}\n"
            lines += 1
            if lines % 1000 == 0:
                memory.append(resident(process.pid))
                if time.monotonic() > end:
                    break
        process.terminate()
        process.stdout.read()
        assert process.wait(10) == 143
    # The log of what was printed fills up to its limit, then stays.
    full = memory[min(len(memory) - 1, 150) :]
    with capsys.disabled():
        print(f"\n  {lines} lines, {lines * 100 // SECONDS // 1000} KB/s, {memory[0]} to {memory[-1]} KiB")
    assert max(memory) < memory[0] + 24 * 1024
    assert max(full) - min(full) < 4096
