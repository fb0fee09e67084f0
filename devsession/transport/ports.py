"""Serial ports that may lead to a board, and what a board is known by before it is opened."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Protocol

# Serial numbers that cheap USB bridges all share: they identify nothing.
_DUMMIES = frozenset({"", "0", "0000", "0001", "00000000", "00000001", "12345678", "123456789abcdef"})
# CircuitPython's second port carries the program's data, never a REPL.
_DATA_PORT = "CircuitPython CDC2"


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
    """A serial port of a USB device; what the device does not tell is ``None``."""

    path: str
    identity: str
    vid: int | None
    pid: int | None
    manufacturer: str | None
    product: str | None
    serial_number: str | None
    location: str | None
    interface: str | None


def identity_of(info: PortInfo) -> str:
    """Return what locks and caches of a board are keyed by: USB serial number, else USB path, else the port itself."""
    serial_number = (info.serial_number or "").strip()
    if serial_number.lower() not in _DUMMIES:
        return f"usb-serial:{serial_number}"
    if info.location:
        return f"usb-path:{info.location}"
    return port_identity(info.device)


def port_identity(path: str) -> str:
    """Return the identity of a port of which nothing but its path is known; symbolic links to one port are one."""
    # On Windows COM3 is no path: it would be taken for a file in the current folder.
    return "port:" + (path.upper() if sys.platform == "win32" else os.path.realpath(path))


def port_from(info: PortInfo) -> Port | None:
    """Return the port that pyserial tells of, ``None`` for one that cannot lead to a REPL."""
    if info.vid is None or (info.interface or "").startswith(_DATA_PORT):
        return None
    return Port(
        path=info.device,
        identity=identity_of(info),
        vid=info.vid,
        pid=info.pid,
        manufacturer=info.manufacturer,
        product=info.product,
        serial_number=info.serial_number,
        location=info.location,
        interface=info.interface,
    )


def list_ports() -> list[Port]:
    """Return the USB serial ports attached now, sorted by path."""
    from serial.tools import list_ports as pyserial

    ports = (port_from(info) for info in pyserial.comports())
    return sorted((port for port in ports if port is not None), key=lambda port: port.path)


def find_port(path: str) -> Port | None:
    """Return what is known of the USB serial port at ``path``, which may be a symbolic link to it."""
    wanted = port_identity(path)
    return next((port for port in list_ports() if port_identity(port.path) == wanted), None)


def identity_at(path: str) -> str:
    """Return the identity of whatever is at ``path``: a port of a USB device, another port, or nothing yet."""
    port = find_port(path)
    return port.identity if port else port_identity(path)
