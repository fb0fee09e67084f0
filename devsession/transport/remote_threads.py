"""One reader and one writer thread round a port of pyserial's URL handlers, which block and cannot be watched by an event loop."""

from __future__ import annotations

import contextlib
import queue
import select
import socket
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from devsession.errors import LinkError
from devsession.transport.remote_address import RemoteAddress

if TYPE_CHECKING:
    from serial import SerialBase

# Right for every MicroPython and CircuitPython UART.
BAUDRATE = 115200
READ_SIZE = 64 * 1024
# Between two pieces the writer looks whether it shall stop.
PIECE = 16 * 1024
# Deliveries to the event loop that may be under way: a loop that is busy holds the reader back, and with it the sender.
DELIVERIES = 16
# Where pyserial keeps what arrived in a queue, which nothing wakes when its link ends: seconds between two looks at that.
TICK = 0.1
# A silent host is asked after so many seconds, again after so many more, and given up after so many questions.
KEEPALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
# What a handler raises when its port ends or is closed under it: its own errors are OSErrors, the others those of what is gone.
ENDINGS = (OSError, ValueError, AttributeError, TypeError)


class Owner(Protocol):
    """Who is told by the threads, on the event loop."""

    def opened(self, port: SerialBase) -> None:
        """Know that the link is open."""

    def refused(self, error: LinkError) -> None:
        """Know why it cannot be opened."""

    def received(self, data: bytes) -> None:
        """Take bytes that arrived."""

    def sent(self, size: int) -> None:
        """Know that so many bytes were handed over."""

    def lost(self, reason: str) -> None:
        """Know that the link ended by itself; told after all that had arrived."""

    def ended(self) -> None:
        """Know that both threads are done and nothing is open."""


class RemoteThreads:
    """Opens ``address`` and moves bytes until ``stop``; ``post`` brings a call to the event loop, and ``owner`` is told there.

    The threads keep no process alive. A name server or a host that does not answer cannot be interrupted: such a thread ends by itself
    within seconds and closes what it opened.
    """

    def __init__(self, address: RemoteAddress, owner: Owner, post: Callable[..., None]) -> None:
        self._address = address
        self._owner = owner
        self._post = post
        self._port: SerialBase | None = None
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._deliveries = threading.Semaphore(DELIVERIES)
        self._stopping = threading.Event()
        self._cut: socket.socket | None = None

    def start(self) -> None:
        """Begin to open the link."""
        threading.Thread(target=self._run, name=f"read {self._address.url}", daemon=True).start()

    def send(self, data: bytes) -> None:
        """Have ``data`` written after all that was given before."""
        self._outgoing.put(data)

    def delivered(self) -> None:
        """Know that the loop has taken one delivery."""
        self._deliveries.release()

    def stop(self) -> None:
        """Cut the link at once; never blocks. What waits to be written is dropped, ``ended`` is told when all is done."""
        self._stopping.set()
        self._outgoing.put(None)
        self._deliveries.release()
        self._cut_off()

    def _cut_off(self) -> None:
        self._cut = self._connection() or self._cut
        if self._cut is not None:
            with contextlib.suppress(OSError):
                # Wakes whoever reads or writes it; a close would not.
                self._cut.shutdown(socket.SHUT_RDWR)

    def _connection(self) -> socket.socket | None:
        # Private to pyserial, but the one way to a write that waits for a peer; its handlers and labgrid's call it the same.
        return getattr(self._port, "_socket", None)

    def _run(self) -> None:
        try:
            port = self._open()
        except LinkError as error:
            self._post(self._owner.refused, error)
        else:
            self._move(port)
        self._post(self._owner.ended)

    def _open(self) -> SerialBase:
        import serial

        # Timeouts once and here: later each assignment costs 151 ms on rfc2217, and a write timeout is not supported there.
        port = serial.serial_for_url(self._address.url, do_not_open=True, baudrate=BAUDRATE, timeout=0)
        self._port = port
        _hush(port)
        try:
            port.open()
        except ENDINGS as error:
            if self._cut is not None:
                # pyserial closes none that was cut off already.
                self._cut.close()
            raise self._address.refusal(error) from error
        return port

    def _move(self, port: Any) -> None:
        connection = self._connection()
        writer = threading.Thread(
            target=self._write, args=(port,), name=f"write {self._address.url}", daemon=True
        )
        reason = "the other side closed the connection"
        try:
            if connection is not None:
                _tune(connection)
            writer.start()
            if not self._stopping.is_set():
                self._post(self._owner.opened, port)
            for data in _arrivals(port, connection, self._stopping):
                self._deliveries.acquire()
                self._post(self._owner.received, data)
        except ENDINGS as error:
            reason = _reason(error) or reason
        if not self._stopping.is_set():
            self._post(self._owner.lost, reason)
        self.stop()
        _end(port, connection, writer)

    def _write(self, port: SerialBase) -> None:
        try:
            while (data := self._outgoing.get()) is not None:
                for start in range(0, len(data), PIECE):
                    if self._stopping.is_set():
                        return
                    piece = data[start : start + PIECE]
                    port.write(piece)
                    self._post(self._owner.sent, len(piece))
        except ENDINGS:
            # The reader finds the end, behind what has arrived before it.
            self._cut_off()


def _hush(port: Any) -> None:
    """Have the thread that pyserial reads RFC 2217 with end without a traceback; that it ended is noticed, and told in words."""
    read = getattr(port, "_telnet_read_loop", None)
    if read is None:
        return

    def quietly() -> None:
        with contextlib.suppress(*ENDINGS):
            read()

    # Found on this port before its class: no other is touched.
    port._telnet_read_loop = quietly  # noqa: SLF001


def _end(port: Any, connection: socket.socket | None, writer: threading.Thread) -> None:
    """Wait for the writer of a link that was cut, and close what is open."""
    while writer.is_alive():
        if connection is None:
            # A loop that is full holds its writer until somebody reads.
            port.reset_input_buffer()
        writer.join(TICK)
    with contextlib.suppress(*ENDINGS):
        port.close()
    if connection is not None:
        connection.close()


def _tune(connection: socket.socket) -> None:
    # Small messages go at once, not after the acknowledgement of the last one.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    if connection.gettimeout():
        # rfc2217 leaves the limit for connecting on it: a board that takes nothing for 5 s would lose its link.
        connection.settimeout(None)


def _arrivals(
    port: SerialBase, connection: socket.socket | None, stopping: threading.Event
) -> Iterator[bytes]:
    """Give what arrives until the end; raises one of ENDINGS when the link fails."""
    waiting = getattr(port, "_read_buffer", None) or getattr(port, "queue", None)
    while not stopping.is_set():
        if waiting is not None:
            data, over = _take(waiting)
            if data:
                yield data
            if over or not _is_read(port):
                return
        elif connection is not None:
            select.select([connection], [], [])
            if data := port.read(READ_SIZE):
                yield data


def _take(waiting: queue.Queue[bytes | None]) -> tuple[bytes, bool]:
    """Return all that waits and whether it is the last; waits at most a TICK for the first byte.

    pyserial queues single bytes: asking for them one by one is ten times slower, and its `read` drops what came before the end.
    """
    try:
        first = waiting.get(timeout=TICK)
    except queue.Empty:
        return b"", False
    with waiting.mutex:
        found = [first, *waiting.queue]
        waiting.queue.clear()
        waiting.not_full.notify_all()
    return b"".join(byte for byte in found if byte is not None), None in found


def _is_read(port: Any) -> bool:
    """Whether pyserial's own thread still reads the connection; a server that sends nonsense ends it without a word."""
    thread = getattr(port, "_thread", None)
    return thread is None or thread.is_alive()


def _reason(error: BaseException) -> str:
    cause = error.__context__ if isinstance(error.__context__, OSError) else error
    return (cause.strerror if isinstance(cause, OSError) else None) or ""
