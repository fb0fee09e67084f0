"""From a board's URL to a link: the one place that knows every kind of board."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from devsession.board.board import Board
from devsession.board.switches import PowerHook, Rung
from devsession.errors import BoardNotFoundError, UsageError
from devsession.transport.base import Transport
from devsession.transport.pins import Pins

if TYPE_CHECKING:
    from devsession.cassette.masks import Mask

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):", re.IGNORECASE)
_KNOWN = (
    "sim:, sim:NAME, sim:microbit, sim:mps2, sim:circuitpython, a port such as /dev/ttyACM0 or COM3, id:SERIAL, port:PATH, "
    "socket://HOST:PORT, rfc2217://HOST:PORT, replay:CASSETTE"
)
# Schemes of ports; a name without one is a port, too.
_PORTS = frozenset({"", "id", "port"})
# Those of pyserial's URL handlers that lead to a board somewhere else, and its loop back to the sender.
_REMOTE = frozenset({"socket", "rfc2217", "loop"})


def _silent(_: str) -> None:
    """Tell nobody."""


def link(url: str, progress: Callable[[str], None] = _silent, *, pins: Pins | None = None) -> Transport:
    """Return the transport, not opened yet, to the board that ``url`` names.

    ``pins`` is for serial ports: DTR and RTS at open, and how they reset the board.
    ``progress`` is told in words what takes long: fetching the interpreter of simulated boards, once. Raises UsageError
    for a URL of no known kind, BoardNotFoundError for an id that no attached board has, AmbiguousBoardError for one that several have,
    SimulatorError.
    """
    scheme = _scheme(url)
    if scheme == "sim":
        from devsession.simulator.board import open_simulator

        return open_simulator(url, progress=progress)
    if scheme == "replay":
        from devsession.cassette.player import ReplayTransport

        return ReplayTransport(url)
    if scheme in _REMOTE:
        from devsession.transport.remote_port import RemoteTransport

        return RemoteTransport(url, pins=pins)
    if (path := port_named(url)) is not None:
        return _serial(path, pins)
    raise UsageError(f"{url!r} names no kind of board", hint=f"known are {_KNOWN}")


def port_named(url: str) -> str | None:
    """Return the path of the serial port of this computer that ``url`` names, ``None`` when it names another kind of board.

    Raises what ``link`` raises for a port.
    """
    if _scheme(url) not in _PORTS or not url:
        return None
    from devsession.transport.selection import port_path

    return port_path(url)


def _scheme(url: str) -> str:
    return match[1].lower() if (match := _SCHEME.match(url)) else ""


def _serial(path: str, pins: Pins | None = None) -> Transport:
    if sys.platform == "win32":
        # No descriptor to watch there: the port is polled.
        from devsession.transport.polled_serial import PolledSerialTransport

        return PolledSerialTransport(path, pins=pins)
    from devsession.transport.serial_port import SerialTransport

    return SerialTransport(path, pins=pins)


def connect(
    url: str,
    progress: Callable[[str], None] = _silent,
    *,
    listen: bool = False,
    recovery: Rung = Rung.PROMPT,
    power: PowerHook | None = None,
    pins: Pins | None = None,
    record: str | Path | None = None,
    mask: Iterable[Mask] = (),
) -> Board:
    """Return the board that ``url`` names; ``async with`` attaches to it, and detaches and closes at the end.

    ``url`` is ``sim:`` for a simulated board, ``sim:microbit`` or ``sim:mps2`` for real firmware that is emulated, ``sim:circuitpython``
    for what CircuitPython's documentation says, a port such as ``/dev/ttyACM0``, ``COM3`` or mpremote's ``a0``, ``id:`` and a USB serial
    number or an identity as ``list_ports`` gives it, or where a server of serial ports has the board: ``rfc2217://HOST:PORT``,
    ``socket://HOST:PORT``; ``progress`` is told what takes long. With
    ``listen`` the board is left alone until ``attach``.
    ``recovery`` is how far bringing back a board that does not answer may go: beyond ``Rung.PROMPT`` its interpreter starts anew, and with
    it what main.py moves. ``power`` is a function, plain or async, that cycles the board's power; ``pins`` as for ``link``. ``record`` is a
    cassette that everything on the link is written to (default: the environment's DEVSESSION_RECORD, for boards that are not
    played themselves), ``mask`` what must not get there;
    ``replay:CASSETTE`` plays it. Raises what ``link`` raises; opening and attaching raise what ``Board.attach`` does.
    """
    recorded = _recorder(url, record, tuple(mask))
    transport = recorded(link(url, progress, pins=pins))
    return Board(
        transport,
        listen=listen,
        recovery=recovery,
        power=power,
        reopen=lambda: recorded(_again(url, transport.identity, progress, pins)),
    )


def _recorder(url: str, path: str | Path | None, masks: tuple[Mask, ...]) -> Callable[[Transport], Transport]:
    """Return what makes links recorded ones, where they are to be."""
    if url.startswith("replay:") and path is not None:
        raise UsageError("what is played is not recorded again", board=url, hint="name the board to record")
    if path is None and (url.startswith("replay:") or not os.environ.get("DEVSESSION_RECORD")):
        return lambda transport: transport
    from devsession.cassette.recorder import record, record_from_environment

    if path is None:
        return lambda transport: record_from_environment(transport, masks)
    return lambda transport: record(transport, path, mask=masks)


def _again(url: str, identity: str, progress: Callable[[str], None], pins: Pins | None) -> Transport:
    """Return a new link to the board known by ``identity``, under whatever name its port has now."""
    if identity.startswith("usb-"):
        from devsession.transport.ports import list_ports

        found = next((port for port in list_ports() if port.identity == identity), None)
        if found is None:
            raise BoardNotFoundError(f"{identity} is not attached", board=url)
        return _serial(found.path, pins)
    return link(url, progress, pins=pins)
