"""The descriptor transport on real PTYs and real processes."""

import asyncio
import os
import time
import tty

import pytest

from devsession.errors import LinkClosedError, LinkError, LinkLostError
from devsession.transport.descriptor import DescriptorTransport


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


class Opening(DescriptorTransport):
    """A link that opens when the test says so; its descriptor is a pipe's."""

    def __init__(self):
        super().__init__("opening")
        self.go = asyncio.Event()
        self.released: list[int] = []

    async def _open_descriptor(self) -> int:
        await self.go.wait()
        fd, other = os.pipe()
        os.close(other)
        return fd

    def _release(self, fd: int) -> None:
        self.released.append(fd)
        super()._release(fd)


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
    fresh = Opening()
    with pytest.raises(LinkClosedError, match="not open"):
        fresh.write(b"x")
    fresh.abort()
    await fresh.close()
    with pytest.raises(LinkClosedError, match="is closed"):
        await fresh.open(inbox)


async def test_an_abort_during_the_open_leaves_nothing_open(inbox):
    link = Opening()
    opening = asyncio.create_task(link.open(inbox))
    await asyncio.sleep(0)
    link.abort()
    link.go.set()
    with pytest.raises(LinkClosedError):
        await opening
    assert len(link.released) == 1
    assert inbox.ends == []


async def test_what_cannot_be_watched_is_released_once(inbox, tmp_path):
    class File(Opening):
        async def _open_descriptor(self) -> int:
            return os.open(tmp_path, os.O_RDONLY)

    link = File()
    with pytest.raises(PermissionError):
        await link.open(inbox)
    link.abort()
    assert len(link.released) == 1


async def test_a_write_that_meets_the_loss_counts_as_unsent(slave, inbox):
    slave.unplug()
    slave.write(b"x" * 100)
    assert slave.unsent == 100
    with pytest.raises(LinkLostError):
        await slave.drain()
    await inbox.until(lambda: inbox.ends)
    assert len(inbox.ends) == 1


async def test_a_loss_is_told_though_the_release_fails(inbox):
    class Stuck(Slave):
        def _release(self, fd: int) -> None:
            super()._release(fd)
            raise OSError(5, "Input/output error")

    link, complaints = Stuck(), []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    await link.open(inbox)
    link.write(b"x" * 1024 * 1024)
    draining = asyncio.create_task(link.drain())
    await asyncio.sleep(0)
    link.unplug()
    with pytest.raises(LinkLostError):
        await draining
    await inbox.until(lambda: inbox.ends)
    assert len(complaints) == 1


async def test_all_who_wait_for_a_drain_are_woken_and_who_gave_up_is_forgotten(slave):
    slave.write(b"x" * 100_000)
    waiting = [asyncio.create_task(slave.drain()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.gather(drain_master(slave, 100_000), *waiting[1:])
    assert waiting[0].cancelled()
    assert not slave._drains
