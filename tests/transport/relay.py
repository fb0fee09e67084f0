"""A plain TCP relay to whatever a test puts behind it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import tty
from collections.abc import AsyncIterator, Awaitable, Callable

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def listening(handler: Handler) -> AsyncIterator[int]:
    """Serve ``handler`` on a free port of this machine, its number given; its clients are cut off at the end."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await handler(reader, writer)
        except (asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        # Transports let go of their sockets in the next turn of the loop.
        await asyncio.sleep(0)


class Relay:
    """Moves bytes between its one client and the terminal at ``path``; ``cut`` ends the connection, hard if asked to."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._writer: asyncio.StreamWriter | None = None
        self.passed = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        fd = os.open(self._path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            tty.setraw(fd)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._down(fd, writer))
                both.create_task(self._up(reader, fd))
        except* ConnectionError:
            pass
        finally:
            asyncio.get_running_loop().remove_reader(fd)
            os.close(fd)

    def cut(self, *, reset: bool = False) -> None:
        assert self._writer is not None
        if reset:
            connection = self._writer.get_extra_info("socket")
            # No lingering: the other side gets a reset.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self._writer.transport.abort()

    async def _down(self, fd: int, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while True:
            ready = asyncio.Event()
            loop.add_reader(fd, ready.set)
            await ready.wait()
            loop.remove_reader(fd)
            data = os.read(fd, 65536)
            self.passed += len(data)
            writer.write(data)
            await writer.drain()

    async def _up(self, reader: asyncio.StreamReader, fd: int) -> None:
        while data := await reader.read(65536):
            while data:
                try:
                    data = data[os.write(fd, data) :]
                except BlockingIOError:
                    # A PTY that is full says nothing when it no longer is.
                    await asyncio.sleep(0.001)
        raise ConnectionResetError
