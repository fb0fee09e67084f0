"""Serial ports: PTYs stand for them, as their drivers have everything but modem lines."""

import asyncio
import fcntl
import grp  # noqa: F401  # before a child gives up the right to read it
import os
import subprocess
import sys
import threading
import time
import tty
from pathlib import Path

import pytest
import serial  # noqa: F401  # before a child gives up the right to read it
from test_descriptor import Inbox

from devsession.errors import LinkError, LinkLostError, PortBusyError, PortNotFoundError, PortPermissionError
from devsession.transport import serial_port
from devsession.transport.base import BARE_UART, CONTROLLED, Transport
from devsession.transport.polled_serial import PolledSerialTransport
from devsession.transport.serial_port import Pins, SerialLines, SerialTransport

TIOCGEXCL = 0x80045440
NOBODY = 65534


@pytest.fixture
def pair():
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    held = [master]
    yield master, os.ttyname(slave), held
    os.close(slave)
    for fd in held:
        os.close(fd)


@pytest.mark.parametrize("kind", [SerialTransport, PolledSerialTransport])
async def test_bytes_come_and_go(pair, kind: type[Transport]):
    master, path, _ = pair
    inbox, port = Inbox(), kind(path)
    await port.open(inbox)
    os.write(master, b"hello")
    await inbox.until(lambda: inbox.data == b"hello")
    port.write(bytes(range(256)))
    await port.drain()
    assert port.unsent == 0
    assert os.read(master, 1000) == bytes(range(256))
    await port.close()
    await inbox.until(lambda: inbox.ends == [None])
    with pytest.raises(LinkError):
        port.write(b"x")


@pytest.mark.parametrize("kind", [SerialTransport, PolledSerialTransport])
async def test_closing_ends_on_a_peer_that_stopped_reading(pair, kind: type[Transport]):
    _, path, _ = pair
    inbox, port = Inbox(), kind(path)
    await port.open(inbox)
    for _ in range(1000):
        port.write(b"x" * 128)
    begun = time.monotonic()
    await port.close(timeout=0.2)
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize("kind", [SerialTransport, PolledSerialTransport])
async def test_unplugging_is_a_loss(pair, kind: type[Transport]):
    master, path, held = pair
    inbox, port = Inbox(), kind(path)
    await port.open(inbox)
    held.clear()
    begun = time.monotonic()
    os.close(master)
    await inbox.until(lambda: inbox.ends)
    assert time.monotonic() - begun < 0.05
    assert isinstance(inbox.ends[0], LinkLostError)
    await port.close()


async def test_a_busy_port_names_its_holder(pair):
    _, path, _ = pair
    hold = "import fcntl, os, sys\nfd = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)\nfcntl.flock(fd, fcntl.LOCK_EX)\nprint('held', flush=True)\nsys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(PortBusyError) as caught:
            await SerialTransport(path).open(Inbox())
        assert f"(pid {other.pid})" in str(caught.value)
        assert caught.value.holder is not None
        other.communicate()
    port = SerialTransport(path)
    await port.open(Inbox())
    await port.close()


async def test_two_of_us_cannot_hold_one_port(pair, tmp_path: Path):
    _, path, _ = pair
    alias = tmp_path / "board"
    alias.symlink_to(path)
    first, second = SerialTransport(path), SerialTransport(str(alias))
    assert first.identity == second.identity == f"port:{path}"
    await first.open(Inbox())
    with pytest.raises(PortBusyError):
        await second.open(Inbox())
    await first.close()


async def test_the_exclusive_flag_is_never_left_on_a_pty(pair):
    _, path, _ = pair
    port = SerialTransport(path)
    await port.open(Inbox())
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    flag = fcntl.ioctl(fd, TIOCGEXCL, b"\0\0\0\0")
    os.close(fd)
    await port.close()
    assert flag == b"\0\0\0\0"
    assert port.lines is None


async def test_a_missing_port_is_told():
    with pytest.raises(PortNotFoundError, match="there is no port /dev/no-such-port"):
        await SerialTransport("/dev/no-such-port").open(Inbox())
    with pytest.raises(LinkError, match="cannot be opened"):
        await PolledSerialTransport("/dev/no-such-port").open(Inbox())


@pytest.mark.parametrize("path", ["/tmp", "/etc/passwd", "/dev/null"])
async def test_what_is_no_serial_port_is_told(path: str):
    with pytest.raises(LinkError):
        await SerialTransport(path).open(Inbox())


OPEN = """
import asyncio, sys
from devsession.errors import PortPermissionError
from devsession.transport.serial_port import SerialTransport
try:
    asyncio.run(SerialTransport(sys.argv[1]).open(None))
except PortPermissionError as error:
    print(error.group, error, sep="|")
"""


def test_a_port_without_permission_names_the_group(pair, monkeypatch: pytest.MonkeyPatch):
    _, path, _ = pair
    if os.getuid() != 0:
        # An ordinary user: the port that belongs to somebody else is one nobody may open.
        os.chmod(path, 0)
        said = subprocess.run([sys.executable, "-c", OPEN, path], capture_output=True, text=True, check=True)
    else:
        os.chown(path, 0, 20)
        os.chmod(path, 0o660)
        pid = os.fork()
        if pid == 0:
            code = 3
            try:
                code = _as_nobody(path)
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        return
    assert "no permission to open" in said.stdout


def _as_nobody(path: str) -> int:
    """In a child that gave up root: opening names the group that may."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    try:
        SerialTransport(path)._open_serial()
    except PortPermissionError as error:
        return 0 if error.group == "dialout" and "usermod -aG dialout" in str(error) else 2
    return 1


async def test_cancelling_an_open_leaves_nothing_open(pair, monkeypatch: pytest.MonkeyPatch):
    _, path, _ = pair
    go, opened = threading.Event(), threading.Event()
    original = SerialTransport._open_serial

    def slow(self):
        go.wait(10)
        port = original(self)
        close = port.close
        port.close = lambda: (close(), opened.set())
        return port

    monkeypatch.setattr(SerialTransport, "_open_serial", slow)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await SerialTransport(path).open(Inbox())
    go.set()
    assert await asyncio.get_running_loop().run_in_executor(None, opened.wait, 5)


def test_both_lines_change_in_one_step(monkeypatch: pytest.MonkeyPatch):
    calls = []

    def ioctl(fd: int, request: int, data: bytes) -> bytes:
        calls.append((request, data))
        return (0x6).to_bytes(4, "little")  # DTR and RTS are up

    monkeypatch.setattr(serial_port.fcntl, "ioctl", ioctl)
    SerialLines(3, "x").set(dtr=False, rts=True)
    SerialLines(3, "x").set(rts=False)
    assert [
        int.from_bytes(data, "little") for request, data in calls if request == serial_port.termios.TIOCMSET
    ] == [0x4, 0x2]


def test_modem_lines_of_a_pty_are_a_link_error(pair):
    master, _, _ = pair
    with pytest.raises(LinkError, match="modem lines"):
        SerialLines(master, "pty").set(dtr=True)


def test_what_a_link_holds():
    assert SerialTransport("/dev/pts/99").flow == CONTROLLED
    assert SerialTransport("/dev/ttyACM7").flow == CONTROLLED
    assert SerialTransport("/dev/ttyUSB7", pins=Pins(dtr=None)).flow == BARE_UART
