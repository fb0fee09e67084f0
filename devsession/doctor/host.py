"""Checks of this computer and the port: what keeps people from their board before it has said a word."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from devsession.doctor.finding import Finding, Level
from devsession.transport.base import Transport
from devsession.transport.holders import holder_of
from devsession.transport.ports import Port, list_ports

_PROC = Path("/proc")
_UDEV = Path("/run/udev/data")
_CHARACTER_DEVICES = Path("/sys/dev/char")
_RULES = "/etc/udev/rules.d/99-boards.rules"
# Bridges that brltty takes for Braille displays, and takes away.
_BRAILLE = frozenset({(0x1A86, 0x7523), (0x10C4, 0xEA60), (0x0403, 0x6001)})
# What a UART carries: a start bit and a stop bit round each byte.
_BITS_PER_BYTE = 10


@dataclass(frozen=True, slots=True)
class Subject:
    """The port examined: its ``path``, what is known of it as a USB device, and the link to it, not opened."""

    path: str
    port: Port | None
    link: Transport


def check_port(subject: Subject) -> Finding:
    """Tell whether the port is there, and what it is."""
    if sys.platform != "win32" and not Path(subject.path).exists():
        there = ", ".join(port.path for port in list_ports())
        cure = f"attached: {there}" if there else NO_PORT.cure
        return Finding("port", Level.ERROR, f"there is no port {subject.path}", cure)
    if not _is_port(subject.path):
        return Finding(
            "port", Level.ERROR, f"{subject.path} is not a serial port", "devsession boards lists those"
        )
    what = subject.port.family or subject.port.product if subject.port else None
    return Finding(
        "port", Level.OK, f"{subject.path}, {what or 'not a known USB device'}, {subject.link.identity}"
    )


def check_permission(subject: Subject) -> Finding | None:
    """Tell whether this user may open the port, and which group may."""
    if sys.platform == "win32" or not _is_port(subject.path):
        return None
    group = _group_of(subject.path)
    if os.access(subject.path, os.R_OK | os.W_OK):
        return Finding("permission", Level.OK, f"you may open it; its group is {group}")
    seen = f"you may not open {subject.path}; its group is {group}"
    if group == "root":
        return Finding("permission", Level.ERROR, seen, f"a udev rule that gives it to a group, in {_RULES}")
    if _is_member(group):
        cure = f"you are in the group {group}, but this login began before that: log out and in again"
    else:
        cure = f"sudo usermod -aG {group} $USER, then log out and in again"
    return Finding("permission", Level.ERROR, seen, cure)


def check_holder(subject: Subject) -> Finding | None:
    """Tell who else has the port open."""
    if not Path(subject.path).exists() or not _is_port(subject.path):
        return None
    if holder := holder_of(subject.path):
        return Finding("holder", Level.ERROR, f"{holder} has it open", "close that program, or wait for it")
    return Finding("holder", Level.OK, "no other program of yours has it open")


def check_modem_manager(subject: Subject) -> Finding | None:
    """Tell whether ModemManager would talk to a new port as to a modem."""
    if sys.platform != "linux" or subject.port is None:
        return None
    if not _runs("ModemManager"):
        return Finding("ModemManager", Level.OK, "it does not run")
    if _is_ignored(subject.path):
        return Finding("ModemManager", Level.OK, "it runs, and a udev rule keeps it off this port")
    rule = f'ATTRS{{idVendor}}=="{subject.port.vid:04x}", ENV{{ID_MM_DEVICE_IGNORE}}="1"'
    return Finding(
        "ModemManager",
        Level.WARNING,
        "it runs, and may talk to the board as to a modem for 10 s after it was plugged in",
        f"echo '{rule}' | sudo tee -a {_RULES}; sudo udevadm control --reload; then plug the board in again",
    )


def check_brltty(subject: Subject | None) -> Finding | None:
    """Tell whether brltty takes this bridge, or may have taken a port that is missing, for a Braille display."""
    if sys.platform != "linux" or not _runs("brltty"):
        return None
    port = subject.port if subject else None
    if port and (port.vid, port.pid) not in _BRAILLE:
        return Finding("brltty", Level.OK, "it runs, and leaves this device alone")
    return Finding(
        "brltty",
        Level.WARNING,
        "it runs, and takes CH340, CP210x and FTDI bridges for Braille displays: their ports vanish",
        "without a Braille display: sudo apt remove brltty; then plug the board in again",
    )


def check_speed(subject: Subject) -> Finding | None:
    """Tell what limits the link."""
    if subject.port is None:
        return None
    if subject.link.flow.controlled:
        return Finding(
            "speed", Level.OK, "native USB: baud rates mean nothing, the board holds the sender back"
        )
    from devsession.transport.serial_port import BAUDRATE

    rate = BAUDRATE / _BITS_PER_BYTE / 1000
    return Finding(
        "speed",
        Level.OK,
        f"a UART at {BAUDRATE} baud: at most {rate:.1f} kB/s, and nothing holds the sender back",
    )


# In the order in which they are told.
CHECKS: tuple[Callable[[Subject], Finding | None], ...] = (
    check_port,
    check_permission,
    check_holder,
    check_modem_manager,
    check_brltty,
    check_speed,
)
NO_PORT = Finding(
    "port",
    Level.ERROR,
    "no USB serial port is attached",
    "a cable that carries data and not only power; another USB socket; a driver, where the system needs one; firmware on the board",
)


def _is_port(path: str) -> bool:
    """Whether a path leads to what may be a serial port; told without opening it, which moves its DTR line."""
    if sys.platform == "win32":
        return True
    try:
        status = Path(path).stat()
    except OSError:
        return False
    device = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    subsystem = _CHARACTER_DEVICES / device / "subsystem"
    # Pseudo-terminals are not listed there.
    return stat.S_ISCHR(status.st_mode) and (not subsystem.exists() or subsystem.resolve().name == "tty")


def _group_of(path: str) -> str:
    try:
        return Path(path).group()
    except KeyError:
        return str(Path(path).stat().st_gid)


def _is_member(group: str) -> bool:
    import grp
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name in grp.getgrnam(group).gr_mem
    except KeyError:
        return False


def _runs(name: str) -> bool:
    for process in _PROC.glob("[0-9]*/comm"):
        try:
            if process.read_text(errors="replace").strip() == name:
                return True
        except OSError:
            continue  # it ended while we looked
    return False


def _is_ignored(path: str) -> bool:
    try:
        device = Path(path).stat().st_rdev
        told = (_UDEV / f"c{os.major(device)}:{os.minor(device)}").read_text(errors="replace")
    except OSError:
        return False
    return any(f"E:ID_MM_{what}_IGNORE=1" in told.splitlines() for what in ("DEVICE", "PORT"))
