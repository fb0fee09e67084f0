"""Runs of pytest as a user has them: processes of their own, with their own locks, and none of this project's settings."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LIMIT = 100


@dataclass
class Outcome:
    """What a run of pytest came to."""

    code: int
    text: str

    def __getattr__(self, word: str) -> int:
        """How many tests ``passed``, ``failed``, were ``skipped``; ``error`` and ``errors`` are one."""
        found = re.search(rf"(\d+) {word.removesuffix('s')}", self.text.splitlines()[-1])
        return int(found[1]) if found else 0


Run = Callable[..., Outcome]


def environment() -> dict[str, str]:
    return {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("DEVSESSION", "PYTEST_", "COV_")) or key == "DEVSESSION_MICROPYTHON"
    }


@contextlib.contextmanager
def starting(folder: Path) -> Iterator[Callable[[Sequence[str], Mapping[str, str]], subprocess.Popen[str]]]:
    """Start commands in ``folder``, each with the variables given and leader of a group of processes, which ends with the block."""
    begun: list[subprocess.Popen[str]] = []

    def start(command: Sequence[str], variables: Mapping[str, str]) -> subprocess.Popen[str]:
        begun.append(
            subprocess.Popen(
                command,
                cwd=folder,
                env=environment() | variables,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        )
        return begun[-1]

    try:
        yield start
    finally:
        for process in begun:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@contextlib.contextmanager
def serving(names: list[str]) -> Iterator[list[subprocess.Popen[str]]]:
    servers = [
        subprocess.Popen(
            [sys.executable, "-m", "devsession", "sim", "serve", name], stdout=subprocess.PIPE, text=True
        )
        for name in names
    ]
    try:
        for server in servers:
            assert server.stdout is not None
            server.stdout.readline()
        yield servers
    finally:
        for server in servers:
            server.send_signal(signal.SIGINT)
        for server in servers:
            server.wait(10)
            assert server.stdout is not None
            server.stdout.close()
