"""From what a user calls a port to its path: an identity, a path, one of mpremote's short names."""

from __future__ import annotations

import re
from collections.abc import Callable

from devsession.errors import AmbiguousBoardError, BoardNotFoundError, UsageError
from devsession.transport.ports import Port, list_ports, place_of

# mpremote's short names; it knows four of each.
_SHORT_NAMES = {"a": "/dev/ttyACM", "u": "/dev/ttyUSB", "c": "COM"}
_SHORT = re.compile(r"([auc])(\d{1,3})")
_SCHEME = re.compile(r"(id|port):", re.IGNORECASE)


def port_path(name: str) -> str:
    """Return the path of the port that ``name`` means; only ``id:`` looks at what is attached.

    ``name`` is ``id:`` and a USB serial number or an identity as ``list_ports`` gives it, ``port:`` and a path, a path, or ``a0``, ``u0``,
    ``c0`` (any number) for /dev/ttyACM0, /dev/ttyUSB0, COM0. Raises BoardNotFoundError, AmbiguousBoardError for a serial number that
    several devices share, UsageError when nothing follows the colon.
    """
    scheme = match[1].lower() if (match := _SCHEME.match(name)) else ""
    rest = name[len(scheme) + 1 :] if scheme else name
    if not rest:
        raise UsageError(f"{name!r} names no board", hint="id:SERIAL, port:/dev/ttyACM0, port:COM3")
    if scheme == "id":
        return _by_identity(rest, list_ports()).path
    if not scheme and (short := _SHORT.fullmatch(rest)):
        return _SHORT_NAMES[short[1]] + short[2]
    return rest


def _by_identity(wanted: str, ports: list[Port]) -> Port:
    for fits in _WAYS:
        found = [port for port in ports if fits(port, wanted.lower())]
        if len(found) == 1:
            return found[0]
        if found:
            listed = "\n".join(f"  id:{port.identity}  {port.path}" for port in found)
            raise AmbiguousBoardError(
                f"{len(found)} boards have the serial number {wanted}:\n{listed}",
                tuple(f"id:{port.identity}" for port in found),
                hint=f"name one by where it is plugged in: -b id:{found[0].identity}",
            )
    attached = ", ".join(f"id:{_plain(port)}" for port in ports)
    raise BoardNotFoundError(
        f"no board known as {wanted} is attached", hint=f"attached: {attached or 'none'}"
    )


def _plain(port: Port) -> str:
    return port.identity.partition(":")[2]


def _is_first(port: Port) -> bool:
    return "#" not in port.identity


# The first way in which any port fits decides. An identity is of one port; serial number and place are of a device, whose first port it is.
_WAYS: tuple[Callable[[Port, str], bool], ...] = (
    lambda port, wanted: port.identity.lower() == wanted,
    lambda port, wanted: _plain(port).lower() == wanted,
    lambda port, wanted: _is_first(port) and (port.serial_number or "").strip().lower() == wanted,
    lambda port, wanted: _is_first(port) and place_of(port.location) == wanted.removeprefix("usb-path:"),
)
