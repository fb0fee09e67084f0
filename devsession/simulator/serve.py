"""Publishes a simulated board as a serial port: the path of a pseudo-terminal that clients open, close and open again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

from devsession.errors import LinkLostError, SimulatorError
from devsession.simulator import registry
from devsession.simulator.interpreter import Progress
from devsession.simulator.kinds import make_instance
from devsession.simulator.openings import Openings
from devsession.simulator.pseudo_terminal import open_pair, set_idle
from devsession.simulator.url import SimUrl

# One read: what a pseudo-terminal holds.
READ_SIZE = 64 * 1024


async def serve(
    url: str,
    *,
    link: Path | None = None,
    announce: Callable[[str], None] = lambda _: None,
    progress: Progress = lambda _: None,
) -> None:
    """Serve the simulated board ``url`` until cancelled, across its resets.

    ``announce`` is given the path that clients open, once, when it works. ``link``: also make a symbolic link there, removed at the end.
    With a name in the URL, ``sim:NAME`` finds the board too. Like a board on USB it drops what it prints while nobody has the port
    open, and waits while a client that has it open does not read; nothing is lost in between. Raises what starting a board raises,
    SimulatorError when link or name are taken, LinkLostError when the board does not come up any more.
    """
    wanted = SimUrl.parse(url)
    lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def gone(reason: LinkLostError) -> None:
        if not lost.done():
            lost.set_exception(reason)

    instance = make_instance(wanted, gone)
    with contextlib.ExitStack() as stack:
        client, path = _open_client_side(stack)
        if wanted.name is not None:
            stack.enter_context(registry.published(wanted.name, path))
        if link is not None:
            stack.enter_context(_linked(link, path))
        board = await instance.start(progress)
        stack.callback(os.close, board)
        stack.callback(instance.end)
        pump = Pump(board, client, path, instance.typed)
        stack.callback(pump.stop)
        pump.start()
        announce(path)
        await lost


class Pump:
    """Moves bytes between a board and the clients of a pseudo-terminal, and holds each side back while the other does not take them.

    ``board`` and ``client`` are descriptors of our sides, made non-blocking; ``path`` is what clients open; ``typed`` is told what they
    send.
    """

    def __init__(self, board: int, client: int, path: str, typed: Callable[[bytes], None]) -> None:
        self._typed = typed
        self._board = board
        self._client = client
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._hangup = select.poll()
        # Without any event asked for, a hang-up is all that is told.
        self._hangup.register(client, 0)
        self._to_board = memoryview(b"")
        self._to_client = memoryview(b"")
        self._serving = False
        self._openings: Openings | None = None
        for descriptor in (board, client):
            os.set_blocking(descriptor, False)

    def start(self) -> None:
        """Begin to move bytes."""
        self._loop.add_reader(self._board, self._from_board)
        self._openings = Openings(self._path, self._look_for_client)
        self._look_for_client()

    def stop(self) -> None:
        """Stop moving bytes; the descriptors stay open."""
        if self._openings is not None:
            self._openings.stop()
        for descriptor in (self._board, self._client):
            self._loop.remove_reader(descriptor)
            self._loop.remove_writer(descriptor)

    def _has_client(self) -> bool:
        return not self._hangup.poll(0)

    def _look_for_client(self) -> None:
        if not self._serving and self._has_client():
            self._serving = True
            if not self._to_board:
                self._loop.add_reader(self._client, self._from_client)

    def _from_board(self) -> None:
        try:
            data = os.read(self._board, READ_SIZE)
        except BlockingIOError:
            return
        except OSError:  # its end, as an empty read is; why is told by the instance
            data = b""
        if not data:
            self._loop.remove_reader(self._board)
            return
        if self._serving and self._has_client():
            self._to_client = _write(self._client, memoryview(data))
            if self._to_client:
                self._loop.remove_reader(self._board)
                self._loop.add_writer(self._client, self._client_takes)

    def _client_takes(self) -> None:
        if not self._has_client():
            self._client_left()
            return
        self._to_client = _write(self._client, self._to_client)
        if not self._to_client:
            self._loop.remove_writer(self._client)
            self._loop.add_reader(self._board, self._from_board)

    def _from_client(self) -> None:
        try:
            data = os.read(self._client, READ_SIZE)
        except BlockingIOError:
            return
        except OSError:  # how the system says that the last client closed it
            self._client_left()
            return
        self._typed(data)
        self._to_board = _write(self._board, memoryview(data))
        if self._to_board:
            self._loop.remove_reader(self._client)
            self._loop.add_writer(self._board, self._board_takes)

    def _board_takes(self) -> None:
        self._to_board = _write(self._board, self._to_board)
        if not self._to_board:
            self._loop.remove_writer(self._board)
            if self._serving:
                self._loop.add_reader(self._client, self._from_client)

    def _client_left(self) -> None:
        self._serving = False
        self._loop.remove_reader(self._client)
        self._loop.remove_writer(self._client)
        if self._to_client:
            self._to_client = memoryview(b"")
            self._loop.add_reader(self._board, self._from_board)
        # The next client starts afresh: no settings and no unread output of the one before.
        descriptor = os.open(self._path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            termios.tcflush(descriptor, termios.TCIOFLUSH)
            set_idle(descriptor)
        finally:
            os.close(descriptor)
        self._look_for_client()


def _write(descriptor: int, data: memoryview) -> memoryview:
    try:
        return data[os.write(descriptor, data) :]
    except BlockingIOError:
        return data
    except OSError:  # the other side is gone, and what was meant for it with it
        return memoryview(b"")


def _open_client_side(stack: contextlib.ExitStack) -> tuple[int, str]:
    ours, theirs = open_pair()
    stack.callback(os.close, ours)
    try:
        return ours, os.ttyname(theirs)
    finally:
        # Closed here, so that the system can tell whether a client has it open; the settings stay.
        os.close(theirs)


@contextlib.contextmanager
def _linked(link: Path, path: str) -> Iterator[None]:
    # One to our own path was left behind too, by a server before us on the same terminal.
    ours = link.is_symlink() and str(link.readlink()) == path
    if link.exists() and not ours:
        raise SimulatorError(f"{link} exists already and is not a link that was left behind", phase="serve")
    try:
        link.unlink(missing_ok=True)
        link.symlink_to(path)
    except OSError as error:
        raise SimulatorError(f"{link} cannot be made: {error.strerror}", phase="serve") from error
    try:
        yield
    finally:
        if link.is_symlink() and str(link.readlink()) == path:
            link.unlink()
