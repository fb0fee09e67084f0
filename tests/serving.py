"""A simulated board that a process of its own serves."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def served(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Serve a board as ``devsession sim serve`` does, and end it with the block."""
    argv = [sys.executable, "-m", "devsession", "sim", "serve", *arguments]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        server.stdout.readline()
        try:
            yield server
        finally:
            server.terminate()
            server.stdout.read()
            server.wait(10)
