"""The asyncio side of a serial port against a bare descriptor: `python tests/benchmarks/bench_transport.py [rounds]`.

An echo process holds the master of a PTY, each transport opens the slave. Rounds are interleaved; ratios are taken within a round against
a bare `os.read` with `add_reader`, and their medians printed. In round trips lower is better, in bulk higher.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
import tty
from collections.abc import Callable

from devsession.errors import LinkError
from devsession.transport.base import Transport
from devsession.transport.polled_serial import PolledSerialTransport
from devsession.transport.serial_port import SerialTransport

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 9
TRIPS, BULK, PIECE = 1000, 8 * 1024 * 1024, 4096
# The peer: echoes 64 bytes each, or swallows a bulk, or sends one, as the first byte of a message asks.
PEER = """
import os, sys
fd = int(sys.argv[1])
def take(n):
    while n: n -= len(os.read(fd, min(n, 65536)))
while True:
    what = os.read(fd, 64)
    if what[:1] == b"e": os.write(fd, what)
    elif what[:1] == b"u":
        size = int(what[1:]); os.write(fd, b"k"); take(size); os.write(fd, b"k")
    elif what[:1] == b"d":
        left = int(what[1:]); block = b"x" * 65536
        while left: left -= os.write(fd, block[:left])
"""


class Bare(Transport):
    """The least there can be: what everything else is compared with."""

    def __init__(self, path: str) -> None:
        self.url = self.identity = path

    async def open(self, receiver) -> None:
        self._fd = os.open(self.url, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        loop = asyncio.get_running_loop()
        loop.add_reader(self._fd, lambda: receiver.data_received(os.read(self._fd, 65536)))

    def write(self, data: bytes) -> None:
        try:
            self._rest = data[os.write(self._fd, data) :]
        except BlockingIOError:
            self._rest = data

    _rest = b""

    @property
    def unsent(self) -> int:
        return len(self._rest)

    async def drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._rest:
            ready = loop.create_future()
            loop.add_writer(self._fd, lambda ready=ready: ready.done() or ready.set_result(None))
            await ready
            loop.remove_writer(self._fd)
            self.write(self._rest)

    async def close(self, timeout: float = 0) -> None:
        self.abort()

    def abort(self) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)


class Count:
    """A receiver that wakes whoever waits for a number of bytes."""

    def __init__(self) -> None:
        self.missing = 0
        self.complete: asyncio.Future[None] | None = None

    def expect(self, size: int) -> asyncio.Future[None]:
        self.missing = size
        self.complete = asyncio.get_running_loop().create_future()
        return self.complete

    def data_received(self, data: bytes) -> None:
        self.missing -= len(data)
        if not self.missing and self.complete is not None:
            self.complete.set_result(None)

    def connection_lost(self, error: LinkError | None) -> None:
        pass


async def measure(kind: Callable[[str], Transport], path: str) -> tuple[float, float, float]:
    """Return the seconds that round trips, a bulk up and a bulk down took."""
    link, count = kind(path), Count()
    await link.open(count)
    begun = time.perf_counter()
    for _ in range(TRIPS):
        answered = count.expect(64)
        link.write(b"e" * 64)
        await answered
    trips = time.perf_counter() - begun
    ready = count.expect(1)
    link.write(f"u{BULK}".ljust(64).encode())
    await ready
    begun = time.perf_counter()
    taken = count.expect(1)
    for _ in range(BULK // PIECE):
        link.write(b"x" * PIECE)
        await link.drain()
    await taken
    up = time.perf_counter() - begun
    begun = time.perf_counter()
    arrived = count.expect(BULK)
    link.write(f"d{BULK}".ljust(64).encode())
    await arrived
    down = time.perf_counter() - begun
    await link.close()
    return trips, up, down


CONTENDERS: dict[str, Callable[[str], Transport]] = {
    "bare os.read + add_reader": Bare,
    "devsession serial port": SerialTransport,
    "pyserial-asyncio, stock": PolledSerialTransport,
}


def main() -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    with subprocess.Popen([sys.executable, "-c", PEER, str(master)], pass_fds=[master]) as peer:
        rounds = [
            {name: asyncio.run(measure(kind, os.ttyname(slave))) for name, kind in CONTENDERS.items()}
            for _ in range(ROUNDS)
        ]
        peer.terminate()
    reference = next(iter(CONTENDERS))
    print(
        f"{ROUNDS} rounds; round trip of 64 bytes, {BULK >> 20} MiB up in {PIECE}-byte writes, {BULK >> 20} MiB down"
    )
    print(f"{'':28}{'round trip':>12}{'time':>7}{'up':>12}{'speed':>7}{'down':>12}{'speed':>7}")
    for name in CONTENDERS:
        trips, up, down = (statistics.median(times[name][i] for times in rounds) for i in range(3))
        ratios = [
            statistics.median(times[name][i] / times[reference][i] for times in rounds) for i in range(3)
        ]
        print(
            f"{name:28}{trips / TRIPS * 1e6:9.1f} us{ratios[0]:7.2f}"
            f"{BULK / up / 1e6:7.0f} MB/s{1 / ratios[1]:7.2f}{BULK / down / 1e6:7.0f} MB/s{1 / ratios[2]:7.2f}"
        )


if __name__ == "__main__":
    main()
