"""What PTYs lack: modem lines, drivers that send on, and names of those who hold a port."""

import errno
import fcntl
import os
import termios
import tty
from pathlib import Path

import pytest
import serial
from test_descriptor import Inbox

from devsession.errors import LinkClosedError, LinkError, PortBusyError, PortNotFoundError
from devsession.transport import modem_lines, polled_serial, serial_port
from devsession.transport.holders import holder_of
from devsession.transport.modem_lines import SerialLines
from devsession.transport.pins import Pins
from devsession.transport.port_lines import PortLines
from devsession.transport.serial_port import SerialTransport


@pytest.fixture
def pair():
    master, slave = os.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    os.close(slave)
    os.close(master)


class Port:
    """An open port as pyserial shows it."""

    is_open = True
    out_waiting = 0
    break_condition = False

    def fileno(self) -> int:
        return 3


def test_both_lines_change_in_one_step(monkeypatch: pytest.MonkeyPatch):
    calls = []

    def ioctl(fd: int, request: int, data: bytes) -> bytes:
        calls.append((request, data))
        return (0x6).to_bytes(4, "little")  # DTR and RTS are up

    monkeypatch.setattr(modem_lines.fcntl, "ioctl", ioctl)
    lines = SerialLines(Port(), "x")
    lines.set(dtr=False, rts=True)
    lines.set(rts=False)
    written = [data for request, data in calls if request == modem_lines.termios.TIOCMSET]
    assert [int.from_bytes(data, "little") for data in written] == [0x4, 0x2]


def test_a_break_lasts_as_long_as_asked(monkeypatch: pytest.MonkeyPatch):
    port, slept = Port(), []
    monkeypatch.setattr(modem_lines.time, "sleep", lambda time: slept.append((port.break_condition, time)))
    SerialLines(port, "x").send_break(0.5)
    assert slept == [(True, 0.5)]
    assert not port.break_condition


@pytest.mark.parametrize("kind", [SerialLines, PortLines])
def test_modem_lines_of_a_pty_and_of_a_closed_port_are_link_errors(pair, kind):
    _, path = pair
    with serial.Serial(path) as port:
        lines = kind(port, "pty")
        with pytest.raises(LinkError, match="modem lines"):
            lines.set(dtr=True, rts=True)
    with pytest.raises(LinkClosedError):
        lines.set(dtr=True)
    with pytest.raises(LinkClosedError):
        lines.send_break()


class Device:
    """A PTY that passes for a real port: the requests made of its descriptor are written down."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[int] = []
        self.flushed: list[int] = []
        monkeypatch.setattr(serial_port, "_is_pty", lambda fd: False)
        monkeypatch.setattr(serial_port.termios, "tcflush", lambda fd, queue: self.flushed.append(queue))
        real = fcntl.ioctl

        def ioctl(fd, request, *rest):
            self.asked.append(request)
            if request in {termios.TIOCEXCL, termios.TIOCNXCL, termios.TIOCMSET}:
                return b"" if request == termios.TIOCMSET else 0
            return (0).to_bytes(4, "little") if request == termios.TIOCMGET else real(fd, request, *rest)

        monkeypatch.setattr(fcntl, "ioctl", ioctl)


async def test_a_real_port_is_locked_while_it_is_open_and_flushed_before_it_is_closed(pair, monkeypatch):
    _, path = pair
    device = Device(monkeypatch)
    port = SerialTransport(path, pins=Pins(dtr=False, rts=None))
    await port.open(Inbox())
    assert termios.TIOCEXCL in device.asked
    assert port.lines is not None
    assert not termios.tcgetattr(port._fd)[2] & termios.HUPCL
    device.flushed.clear()
    await port.close()
    assert device.asked[-1] == termios.TIOCNXCL
    assert device.flushed == [termios.TCOFLUSH]
    with pytest.raises(LinkClosedError):
        port.lines.set(dtr=True)


async def test_a_port_that_refuses_after_it_was_opened_is_closed(pair, monkeypatch):
    _, path = pair
    Device(monkeypatch)

    def refuse(fd, dtr, rts):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(serial_port, "set_lines", refuse)
    before = os.listdir("/dev/fd")
    with pytest.raises(LinkError, match="Input/output error"):
        await SerialTransport(path).open(Inbox())
    assert os.listdir("/dev/fd") == before


async def test_what_a_uart_has_yet_to_send_is_waited_for(pair, monkeypatch):
    _, path = pair
    left = [7, 3, 0]
    port = SerialTransport(path)
    await port.open(Inbox())
    monkeypatch.setattr(type(port._serial), "out_waiting", property(lambda _: left.pop(0)))
    await port.close()
    assert left == []


def test_a_locker_is_named_before_those_who_only_look(tmp_path: Path):
    port = tmp_path / "port"
    port.touch()
    told = port.stat()
    where = f"{os.major(told.st_dev):02x}:{os.minor(told.st_dev):02x}:{told.st_ino}"
    (tmp_path / "locks").write_text(
        f"1: FLOCK  ADVISORY  WRITE 77 {where} 0 EOF\n2: -> FLOCK ADVISORY WRITE 5 {where} 0 EOF\n"
    )
    for pid, name in (("77", b"scr\x1b[31een\n"), ("5", b"cat\n")):
        (tmp_path / pid / "fd").mkdir(parents=True)
        (tmp_path / pid / "comm").write_bytes(name)
        (tmp_path / pid / "fd" / "3").symlink_to(port)
    assert holder_of(str(port), tmp_path) == r"scr\x1b[31een (pid 77)"
    (tmp_path / "locks").unlink()
    (tmp_path / "77" / "comm").unlink()
    assert holder_of(str(port), tmp_path) == "cat (pid 5)"
    assert holder_of(str(port), tmp_path / "no-proc") is None


def test_what_windows_says_of_a_port():
    missing = polled_serial._refusal(
        "COM3", "could not open port 'COM3': FileNotFoundError(2, 'gone', None, 2)"
    )
    busy = polled_serial._refusal("COM3", "could not open port 'COM3': PermissionError(13, 'no', None, 5)")
    assert isinstance(missing, PortNotFoundError)
    assert isinstance(busy, PortBusyError)
