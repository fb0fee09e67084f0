"""Serial ports that may lead to a board, and what a board is known by before it is opened."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from devsession.errors import LinkError
from devsession.transport.families import CIRCUITPYTHON_VENDORS, family_of

# Serial numbers that cheap USB bridges all share: they identify nothing.
_DUMMIES = frozenset({"", "0", "0000", "0001", "00000000", "00000001", "12345678", "123456789abcdef"})
# CircuitPython's ports are named so; the second one carries the program's data, never a REPL.
_CIRCUITPYTHON = "CircuitPython"
_DATA_PORT = "CircuitPython CDC2"
# What follows the device's own location: its configuration and the number of the interface. Windows has an x for the former.
_INTERFACE = re.compile(r":\w+\.(\d+)\Z")

# How often the ports are looked at, some milliseconds each, when a device vanishes meanwhile: it is gone the next time.
_LOOKS = 5


class PortInfo(Protocol):
    """What pyserial tells of a port."""

    device: str
    vid: int | None
    pid: int | None
    serial_number: str | None
    location: str | None
    manufacturer: str | None
    product: str | None
    interface: str | None


@dataclass(frozen=True, slots=True)
class Port:
    """A serial port of a USB device; what the device does not tell is ``None``.

    ``identity`` is what locks and caches of the board are keyed by: ``usb-serial:`` and the serial number; where there is none, or one
    that several devices attached share, ``usb-path:`` and where it is plugged in; else ``port:`` and its path. The second port of a
    device has ``#2`` behind that, and so on: an identity never means two ports.
    """

    path: str
    identity: str
    vid: int | None
    pid: int | None
    manufacturer: str | None
    product: str | None
    serial_number: str | None
    location: str | None
    interface: str | None

    @property
    def family(self) -> str | None:
        """What it probably is, by its numbers."""
        return family_of(self.vid, self.pid)


def port_identity(path: str) -> str:
    """Return the identity of a port of which nothing but its path is known; symbolic links to one port are one."""
    # On Windows COM3 is no path: it would be taken for a file in the current folder.
    return "port:" + (path.upper() if sys.platform == "win32" else os.path.realpath(path))


def ports_from(infos: Iterable[PortInfo]) -> list[Port]:
    """Return the ports, of all that pyserial tells of, that may lead to a REPL; sorted by path, ``COM9`` before ``COM10``.

    They are looked at together: which port of a device is the second one, and which serial number is shared, no port tells alone.
    """
    devices: dict[tuple[int | None, int | None, str, str | None], list[PortInfo]] = {}
    for info in infos:
        if info.vid is not None:
            devices.setdefault(
                (info.vid, info.pid, _serial_number(info), place_of(info.location)), []
            ).append(info)
    shared = Counter(serial_number for _, _, serial_number, _ in devices)
    ports = []
    for (_, _, serial_number, place), members in devices.items():
        known = serial_number not in _DUMMIES and shared[serial_number] == 1
        members.sort(key=_order)
        consoles = _consoles(members)
        for number, info in enumerate(members, 1):
            if info in consoles:
                ports.append(_port(info, _identity(info, number, place, known=known)))
    return sorted(ports, key=lambda port: _natural(port.path))


def list_ports() -> list[Port]:
    """Return the USB serial ports attached now that may lead to a board, sorted by path.

    Raises LinkError when a device keeps coming and going while it is looked at.
    """
    from serial.tools import list_ports as pyserial

    for _ in range(_LOOKS):
        # A device that is unplugged while pyserial reads its numbers has none: pyserial 3.5 on Linux makes a number of None.
        with contextlib.suppress(TypeError):
            return ports_from(pyserial.comports())
    raise LinkError(
        "the serial ports cannot be listed: a device comes and goes", hint="unplug the one that does"
    )


def find_port(path: str) -> Port | None:
    """Return what is known of the USB serial port at ``path``, which may be a symbolic link to it."""
    wanted = port_identity(path)
    return next((port for port in list_ports() if port_identity(port.path) == wanted), None)


def identity_at(path: str) -> str:
    """Return the identity of whatever is at ``path``: a port of a USB device, another port, or nothing yet."""
    port = find_port(path)
    return port.identity if port else port_identity(path)


def place_of(location: str | None) -> str | None:
    """Return where a device is plugged in, from the location of one of its interfaces."""
    return _INTERFACE.sub("", location) if location else None


def _serial_number(info: PortInfo) -> str:
    return (info.serial_number or "").strip().lower()


def _order(info: PortInfo) -> tuple[int, list[tuple[str, int]]]:
    interface = _INTERFACE.search(info.location or "")
    return (int(interface[1]) if interface else -1, _natural(info.device))


def _natural(text: str) -> list[tuple[str, int]]:
    return [(word, int(number or -1)) for word, number in re.findall(r"(\D*)(\d*)", text)]


def _consoles(members: list[PortInfo]) -> list[PortInfo]:
    """Return those ports of one device, in order, that are not CircuitPython's data port."""
    names = [info.interface or "" for info in members]
    if len(set(names)) == len(names):
        return [info for info, name in zip(members, names, strict=True) if not name.startswith(_DATA_PORT)]
    # Windows names no interface, macOS gives one name to all: there CircuitPython's first port is its console.
    circuitpython = any(name.startswith(_CIRCUITPYTHON) for name in names)
    if circuitpython or members[0].vid in CIRCUITPYTHON_VENDORS:
        return members[:1]
    return members


def _identity(info: PortInfo, number: int, place: str | None, *, known: bool) -> str:
    ordinal = f"#{number}" if number > 1 else ""
    if known:
        return f"usb-serial:{(info.serial_number or '').strip()}{ordinal}"
    if place:
        return f"usb-path:{place}{ordinal}"
    return port_identity(info.device)


def _port(info: PortInfo, identity: str) -> Port:
    return Port(
        path=info.device,
        identity=identity,
        vid=info.vid,
        pid=info.pid,
        manufacturer=info.manufacturer,
        product=info.product,
        serial_number=info.serial_number,
        location=info.location,
        interface=info.interface,
    )
