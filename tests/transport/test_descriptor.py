"""The descriptor transport on real PTYs and real processes."""

import asyncio
import os
import signal
import sys
import time
import tty

import pytest

from devsession.errors import LinkClosedError, LinkError, LinkLostError
from devsession.transport.descriptor import DescriptorTransport
from devsession.transport.pty_process import PtyProcessTransport


class Inbox:
    """A receiver that keeps everything and can be waited for."""

    def __init__(self):
        self.data = bytearray()
        self.ends: list[LinkError | None] = []
        self.changed = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.changed.set()

    def connection_lost(self, error: LinkError | None) -> None:
        self.ends.append(error)
        self.changed.set()

    async def until(self, condition):
        async with asyncio.timeout(20):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


class Slave(DescriptorTransport):
    """The slave side of a PTY whose master the test holds."""

    def __init__(self):
        super().__init__("pty-slave")
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)

    async def _open_descriptor(self) -> int:
        return self._slave

    def unplug(self):
        master, self.master = self.master, -1
        os.close(master)


@pytest.fixture
def inbox():
    return Inbox()


@pytest.fixture
async def slave(inbox):
    transport = Slave()
    await transport.open(inbox)
    yield transport
    transport.abort()
    if transport.master >= 0:
        transport.unplug()


async def drain_master(slave: Slave, size: int) -> bytes:
    got = bytearray()
    loop = asyncio.get_running_loop()
    complete = loop.create_future()

    def readable():
        got.extend(os.read(slave.master, 65536))
        if len(got) >= size and not complete.done():
            complete.set_result(None)

    loop.add_reader(slave.master, readable)
    try:
        async with asyncio.timeout(20):
            await complete
    finally:
        loop.remove_reader(slave.master)
    return bytes(got)


async def test_bytes_come_and_go(slave, inbox):
    os.write(slave.master, b"hello")
    await inbox.until(lambda: inbox.data == b"hello")
    slave.write(b"\x00\x03\x04\xff")
    assert await drain_master(slave, 4) == b"\x00\x03\x04\xff"


async def test_twenty_megabytes_to_the_board(slave):
    data = os.urandom(1024 * 1024) * 20
    slave.write(data)
    assert 0 < slave.unsent < len(data)
    got, _ = await asyncio.gather(drain_master(slave, len(data)), slave.drain())
    assert got == data
    assert slave.unsent == 0


async def test_twenty_megabytes_from_a_process():
    inbox = Inbox()
    program = "import os\nfor i in range(320): os.write(1, bytes([i % 256]) * 65536)\nos.read(0, 1)"
    transport = PtyProcessTransport([sys.executable, "-c", program])
    await transport.open(inbox)
    await inbox.until(lambda: len(inbox.data) == 320 * 65536)
    assert inbox.data == b"".join(bytes([i % 256]) * 65536 for i in range(320))
    await transport.close()


@pytest.mark.parametrize("size", [64, 128, 4096, 1024 * 1024])
async def test_a_peer_that_stopped_reading_does_not_stop_us(slave, size):
    for _ in range(2000 if size < 4096 else 3):
        slave.write(b"x" * size)
    begun = time.monotonic()
    await asyncio.sleep(0)
    await slave.close(timeout=0.2)
    assert time.monotonic() - begun < 2
    with pytest.raises(LinkClosedError):
        slave.write(b"x")


async def test_abort_drops_what_is_queued_and_tells_once(slave, inbox):
    slave.write(b"x" * 1024 * 1024)
    slave.abort()
    slave.abort()
    await slave.close()
    await inbox.until(lambda: inbox.ends)
    assert inbox.ends == [None]


async def test_unplugging_is_one_typed_error_within_50_ms(slave, inbox):
    begun = time.monotonic()
    slave.unplug()
    await inbox.until(lambda: inbox.ends)
    assert time.monotonic() - begun < 0.05
    (error,) = inbox.ends
    assert isinstance(error, LinkLostError)
    with pytest.raises(LinkLostError):
        slave.write(b"x")
    await slave.close()
    assert inbox.ends == [error]


async def test_unplugging_ends_a_drain(slave):
    slave.write(b"x" * 1024 * 1024)
    draining = asyncio.create_task(slave.drain())
    await asyncio.sleep(0)
    slave.unplug()
    with pytest.raises(LinkLostError):
        await draining


async def test_a_cancelled_drain_can_be_repeated(slave):
    slave.write(b"x" * 100_000)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await slave.drain()
    await asyncio.gather(drain_master(slave, 100_000), slave.drain())


async def test_misuse_is_told(slave, inbox):
    with pytest.raises(LinkClosedError, match="only once"):
        await slave.open(inbox)
    fresh = PtyProcessTransport(["true"])
    with pytest.raises(LinkClosedError, match="not open"):
        fresh.write(b"x")
    fresh.abort()
    await fresh.close()


async def test_a_process_that_ends_is_a_loss_with_its_status(inbox):
    transport = PtyProcessTransport([sys.executable, "-c", "import sys; sys.exit(7)"])
    await transport.open(inbox)
    await inbox.until(lambda: inbox.ends)
    assert "ended with status 7" in str(inbox.ends[0])
    await transport.close()


async def test_a_process_that_ignores_hangups_is_ended_and_reaped(inbox):
    program = "import signal\nfor s in (1, 15): signal.signal(s, signal.SIG_IGN)\nprint('up', flush=True)\nwhile True: signal.pause()"
    transport = PtyProcessTransport([sys.executable, "-c", program])
    await transport.open(inbox)
    await inbox.until(lambda: b"up" in inbox.data)
    begun = time.monotonic()
    await transport.close(timeout=0.1)
    assert time.monotonic() - begun < 2
    assert transport._process is not None
    assert transport._process.returncode == -signal.SIGKILL


async def test_a_program_that_does_not_exist_is_a_link_error(inbox):
    with pytest.raises(LinkError, match="cannot start"):
        await PtyProcessTransport(["/no/such/program"]).open(inbox)


async def test_every_byte_passes_a_process_terminal_unchanged(inbox):
    program = "import os\nwhile True: os.write(1, os.read(0, 4096))"
    transport = PtyProcessTransport([sys.executable, "-c", program])
    await transport.open(inbox)
    every = bytes(range(256)) * 8
    transport.write(every)
    await inbox.until(lambda: len(inbox.data) >= len(every))
    assert inbox.data == every
    await transport.close()
