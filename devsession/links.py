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
_KNOWN = "sim:, sim:NAME, a port such as /dev/ttyACM0 or COM3, id:SERIAL, replay:CASSETTE"


def _silent(_: str) -> None:
    """Tell nobody."""


def link(url: str, progress: Callable[[str], None] = _silent, *, pins: Pins | None = None) -> Transport:
    """Return the transport, not opened yet, to the board that ``url`` names.

    ``pins`` is for serial ports: DTR and RTS at open, and how they reset the board.
    ``progress`` is told in words what takes long: fetching the interpreter of simulated boards, once. Raises UsageError
    for a URL of no known kind, BoardNotFoundError for an id that no attached board has, SimulatorError.
    """
    scheme = match[1].lower() if (match := _SCHEME.match(url)) else ""
    if scheme == "sim":
        from devsession.simulator.board import open_simulator

        return open_simulator(url, progress=progress)
    if scheme == "replay":
        from devsession.cassette.player import ReplayTransport

        return ReplayTransport(url)
    if scheme == "id":
        return _by_serial_number(url.removeprefix("id:"), pins)
    if scheme or not url:
        raise UsageError(f"{url!r} names no kind of board", hint=f"known are {_KNOWN}")
    return _serial(url, pins)


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
    listening: bool = False,
    recovery: Rung = Rung.PROMPT,
    power: PowerHook | None = None,
    pins: Pins | None = None,
    record: str | Path | None = None,
    mask: Iterable[Mask] = (),
) -> Board:
    """Return the board that ``url`` names; ``async with`` attaches to it, and detaches and closes at the end.

    ``url`` is ``sim:`` for a simulated board, a port such as ``/dev/ttyACM0`` or ``COM3``, or ``id:`` and a USB serial number; ``progress``
    is told what takes long. With ``listening`` the board is left alone until ``attach``. ``recovery`` is how far bringing back a board that
    does not answer may go: beyond ``Rung.PROMPT`` its interpreter starts anew, and with it what main.py moves. ``power`` is a function,
    plain or async, that cycles the board's power; ``pins`` as for ``link``. ``record`` is a cassette that everything on the link is written
    to (default: the environment's DEVSESSION_RECORD, for boards that are not played themselves), ``mask`` what must not get there;
    ``replay:CASSETTE`` plays it. Raises what ``link`` raises, UsageError for a mask of nothing; opening and attaching raise what
    ``Board.attach`` does.
    """
    recorded = _recorder(url, record, tuple(mask))
    transport = recorded(link(url, progress, pins=pins))
    return Board(
        transport,
        listening=listening,
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


def _by_serial_number(wanted: str, pins: Pins | None) -> Transport:
    from devsession.transport.ports import list_ports

    ports = list_ports()
    for port in ports:
        if (port.serial_number or "").lower() == wanted.lower():
            return _serial(port.path, pins)
    attached = ", ".join(port.serial_number or port.path for port in ports)
    raise BoardNotFoundError(
        f"no board with the serial number {wanted} is attached", hint=f"attached: {attached or 'none'}"
    )
