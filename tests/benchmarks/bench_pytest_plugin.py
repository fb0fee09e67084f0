"""What the plugin costs a pytest run that asks for no board: `python tests/benchmarks/bench_pytest_plugin.py [rounds]`.

A run of one empty test, with the plugin and without it, by turns; the difference of the shortest of each, which what else the machine does
disturbs least, has to be under 20 ms.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# As a user has it: Python keeps what it compiled.
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 15
LIMIT = 0.020


def seconds(directory: str, *options: str) -> float:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:cov", *options]
    began = time.perf_counter()
    subprocess.run(command, cwd=directory, env=ENVIRONMENT, check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "test_nothing.py").write_text("def test_nothing():\n    pass\n", encoding="utf-8")
        Path(directory, "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        seconds(directory)
        rounds = [(seconds(directory), seconds(directory, "-p", "no:devsession")) for _ in range(ROUNDS)]
    with_plugin, without = (min(each) for each in zip(*rounds, strict=True))
    more = with_plugin - without
    print(
        f"pytest without the plugin {without * 1000:.0f} ms, with it {with_plugin * 1000:.0f} ms: {more * 1000:+.1f} ms"
    )
    if more > LIMIT:
        sys.exit(f"more than {LIMIT * 1000:.0f} ms")


if __name__ == "__main__":
    main()
