"""A real ser2net: the machine's own, else the distribution's package, fetched into the user's cache as simulated boards fetch theirs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from devsession.simulator.fetch import Program, fetch
from devsession.simulator.interpreter import cache_directory, fetched

SER2NET = Program("ser2net", least=(4,), place="ser2net", proof=("-v",), hint="apt install ser2net")
# A server on its feet listens within a fraction of this; one that does not end when asked is killed.
START_TIMEOUT = 10.0
END_TIMEOUT = 3.0
# Seconds between two looks whether it listens.
LOOK = 0.05
CONFIGURATION = """%YAML 1.1
---
connection: &rfc2217
  accepter: telnet(rfc2217,mode=server),tcp,127.0.0.1,{rfc2217}
  connector: serialdev(nouucplock=true),{path},115200n81,local
connection: &raw
  accepter: tcp,127.0.0.1,{raw}
  connector: serialdev(nouucplock=true),{path},115200n81,local
"""


@dataclass(frozen=True)
class Ports:
    """Where the server listens: with telnet and RFC 2217, and plainly."""

    rfc2217: int
    raw: int


def command() -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the words that start ser2net, and the environment that it needs."""
    found = shutil.which("ser2net") or shutil.which("/usr/sbin/ser2net")
    if found:
        return (found,), dict(os.environ)
    cache = cache_directory()
    words = fetched(cache, SER2NET.place) or asyncio.run(fetch(cache, lambda _: None, SER2NET))
    # Its parts are loaded while it runs, from where they would be installed.
    parts = next((cache / SER2NET.place).rglob("libgensio_serialdev.so")).parent
    return words, {**os.environ, "GENSIO_LIBRARY_PATH": str(parts)}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextlib.contextmanager
def serving(path: str, directory: Path) -> Iterator[Ports]:
    """Have a ser2net serve the terminal at ``path`` while the block runs."""
    words, environment = command()
    ports = Ports(free_port(), free_port())
    configuration = directory / "ser2net.yaml"
    configuration.write_text(CONFIGURATION.format(path=path, rfc2217=ports.rfc2217, raw=ports.raw))
    log = directory / "ser2net.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*words, "-n", "-d", "-c", str(configuration)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        _await_listener(ports.raw, server, log)
        yield ports
    finally:
        server.terminate()
        try:
            server.wait(END_TIMEOUT)
        except subprocess.TimeoutExpired:
            # One that could not read its configuration waits for ever.
            server.kill()
            server.wait()


def _await_listener(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    # Looked up, not connected to: the server would open the terminal for us.
    wanted = f"0100007F:{port:04X} 00000000:0000 0A"
    for _ in range(int(START_TIMEOUT / LOOK)):
        if wanted in Path("/proc/net/tcp").read_text():
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(LOOK)
            break
    raise AssertionError(f"ser2net does not listen:\n{log.read_text()}")
