"""A simulated board that a process of its own serves."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def served(name: str) -> Iterator[None]:
    argv = [sys.executable, "-m", "devsession", "sim", "serve", name]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        server.stdout.readline()
        yield
        server.terminate()
        server.stdout.read()
        server.wait(10)
