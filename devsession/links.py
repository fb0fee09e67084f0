"""From a board's URL to a link: the one place that knows every kind of board."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

from devsession.board.board import Board
from devsession.errors import BoardNotFoundError, UsageError
from devsession.transport.base import Transport

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):", re.IGNORECASE)
_KNOWN = (
    "sim:, sim:NAME, a port such as /dev/ttyACM0 or COM3, id:SERIAL, socket://HOST:PORT, rfc2217://HOST:PORT"
)
# Those of pyserial's URL handlers that lead to a board somewhere else, and its loop back to the sender.
_REMOTE = {"socket", "rfc2217", "loop"}


def _silent(_: str) -> None:
    """Tell nobody."""


def link(url: str, progress: Callable[[str], None] = _silent) -> Transport:
    """Return the transport, not opened yet, to the board that ``url`` names.

    ``progress`` is told in words what takes long: fetching the interpreter of simulated boards, once. Raises UsageError
    for a URL of no known kind, BoardNotFoundError for an id that no attached board has, SimulatorError.
    """
    scheme = match[1].lower() if (match := _SCHEME.match(url)) else ""
    if scheme == "sim":
        from devsession.simulator.board import open_simulator

        return open_simulator(url, progress=progress)
    if scheme == "id":
        return _by_serial_number(url.removeprefix("id:"))
    if scheme in _REMOTE:
        from devsession.transport.remote_port import RemoteTransport

        return RemoteTransport(url)
    if scheme or not url:
        raise UsageError(f"{url!r} names no kind of board", hint=f"known are {_KNOWN}")
    return _serial(url)


def _serial(path: str) -> Transport:
    if sys.platform == "win32":
        # No descriptor to watch there: the port is polled.
        from devsession.transport.polled_serial import PolledSerialTransport

        return PolledSerialTransport(path)
    from devsession.transport.serial_port import SerialTransport

    return SerialTransport(path)


def connect(url: str, progress: Callable[[str], None] = _silent) -> Board:
    """Return the board that ``url`` names; ``async with`` attaches to it, and detaches and closes at the end.

    ``url`` is ``sim:`` for a simulated board, a port such as ``/dev/ttyACM0`` or ``COM3``, ``id:`` and a USB serial number, or where a
    server of serial ports has the board: ``rfc2217://HOST:PORT``, ``socket://HOST:PORT``. ``progress`` is told what takes long. Raises
    what ``link`` raises; opening and attaching raise what ``Board.attach`` does.
    """
    return Board(link(url, progress))


def _by_serial_number(wanted: str) -> Transport:
    from devsession.transport.ports import list_ports

    ports = list_ports()
    for port in ports:
        if (port.serial_number or "").lower() == wanted.lower():
            return _serial(port.path)
    attached = ", ".join(port.serial_number or port.path for port in ports)
    raise BoardNotFoundError(
        f"no board with the serial number {wanted} is attached", hint=f"attached: {attached or 'none'}"
    )
