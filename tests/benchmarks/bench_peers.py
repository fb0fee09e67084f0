"""devsession against mpremote and mpytool, on one simulated board: `python tests/benchmarks/bench_peers.py [rounds]`.

The board is served at a path behind a symlink, as a serial port is: mpremote skips its waits for names under /dev/pts, as it never does
on a real port (that figure is told too). Rounds are interleaved, ratios are taken within a round, medians are printed.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mpremote.transport_serial import SerialTransport as MpremoteTransport

from devsession import connect

sys.path.append(str(Path(__file__).parents[1]))

from serving import served

BIN = Path(sys.executable).parent
# As a user has it: Python keeps what it compiled, of a project installed editable too.
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 15


def with_devsession(port: str) -> None:
    async def work() -> None:
        async with connect(port) as board:
            await board.exec("print(1)")

    asyncio.run(work())


def with_mpremote(port: str) -> None:
    transport = MpremoteTransport(port)
    transport.enter_raw_repl(soft_reset=False)
    transport.exec("print(1)")
    transport.exit_raw_repl()
    transport.close()


def command(*words: str) -> Callable[[str], None]:
    def run(port: str) -> None:
        arguments = [word.replace("PORT", port) for word in words]
        subprocess.run([BIN / arguments[0], *arguments[1:]], check=True, capture_output=True, env=ENVIRONMENT)

    return run


def timed(action: Callable[[str], None], port: str) -> float:
    begun = time.perf_counter()
    action(port)
    return time.perf_counter() - begun


def compare(title: str, port: str, contenders: dict[str, Callable[[str], None]]) -> None:
    for action in contenders.values():
        action(port)
    rounds = [{name: timed(action, port) for name, action in contenders.items()} for _ in range(ROUNDS)]
    first = next(iter(contenders))
    print(f"\n{title} ({ROUNDS} rounds)")
    for name in contenders:
        median = statistics.median(times[name] for times in rounds)
        ratio = statistics.median(times[name] / times[first] for times in rounds)
        print(f"  {name:<34}{median * 1000:9.1f} ms   {ratio:6.2f} x devsession")


def main() -> None:
    with tempfile.TemporaryDirectory() as directory, served("--path", port := f"{directory}/board"):
        compare(
            "in one process: attach, exec, detach",
            port,
            {
                "devsession": with_devsession,
                "mpremote": with_mpremote,
                "mpremote, under /dev/pts": lambda _: with_mpremote(os.path.realpath(port)),
            },
        )
        compare(
            "whole commands",
            port,
            {
                "devsession exec": command("devsession", "-b", "PORT", "exec", "print(1)"),
                "mpremote resume exec": command("mpremote", "connect", "PORT", "resume", "exec", "print(1)"),
                "mpytool exec": command("mpytool", "-p", "PORT", "exec", "print(1)"),
                "python, imports only": command("python", "-c", "import asyncio, serial, click"),
            },
        )


if __name__ == "__main__":
    main()
