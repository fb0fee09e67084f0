"""Serial ports: PTYs stand for them, as their drivers have everything but modem lines."""

import asyncio
import fcntl
import grp
import os
import subprocess
import sys
import threading
import time
import tty
from pathlib import Path

import pytest
from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo
from test_descriptor import Inbox

from devsession.errors import LinkError, LinkLostError, PortBusyError, PortNotFoundError
from devsession.transport.base import BARE_UART, CONTROLLED, Transport
from devsession.transport.pins import Pins
from devsession.transport.polled_serial import PolledSerialTransport
from devsession.transport.serial_port import SerialTransport

TIOCGEXCL = 0x80045440


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
        name = Path(f"/proc/{other.pid}/comm").read_text().strip()
        assert caught.value.holder == f"{name} (pid {other.pid})"
        assert f"in use by {name} (pid {other.pid})" in str(caught.value)
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
    with pytest.raises(PortBusyError, match="by this process itself"):
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
    with pytest.raises(PortNotFoundError):
        await PolledSerialTransport("/dev/no-such-port").open(Inbox())


@pytest.mark.parametrize("path", ["/tmp", "/etc/passwd", "/dev/null"])
async def test_what_is_no_serial_port_is_told(path: str):
    with pytest.raises(LinkError, match="is not a serial port"):
        await SerialTransport(path).open(Inbox())


# Everything is imported before root is given up: nobody may have no right to read it.
OPEN = """
import asyncio, grp, os, sys
import serial
from devsession.errors import PortPermissionError
from devsession.transport.serial_port import SerialTransport
port = SerialTransport(sys.argv[1])
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    asyncio.run(port.open(None))
except PortPermissionError as error:
    print(error.group, error, sep="|")
"""


def test_a_port_without_permission_names_the_group(pair):
    _, path, _ = pair
    if os.getuid() == 0:
        os.chown(path, 0, next(group.gr_gid for group in grp.getgrall() if group.gr_gid not in {0, 65534}))
        os.chmod(path, 0o660)
    else:
        os.chmod(path, 0)
    group = Path(path).group()
    said = subprocess.run(
        [sys.executable, "-c", OPEN, path], capture_output=True, text=True, check=True
    ).stdout
    assert said.startswith(f"{group}|no permission to open {path}; its group is {group}")
    assert group == "root" or f"sudo usermod -aG {group} $USER" in said


def held_by_us(path: str) -> list[str]:
    return [fd for fd in os.listdir("/proc/self/fd") if os.path.realpath(f"/proc/self/fd/{fd}") == path]


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
    before = sorted(held_by_us(path))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await SerialTransport(path).open(Inbox())
    go.set()
    assert await asyncio.get_running_loop().run_in_executor(None, opened.wait, 5)
    assert sorted(held_by_us(path)) == before


def test_what_a_link_holds(monkeypatch):
    assert SerialTransport("/dev/pts/99").flow == CONTROLLED
    assert SerialTransport("/dev/ttyACM7").flow == CONTROLLED
    assert SerialTransport("/dev/ttyUSB7", pins=Pins(dtr=None)).flow == BARE_UART
    bridge = ListPortInfo("/dev/ttyACM7")
    bridge.vid, bridge.serial_number = 0x1A86, "5A4B"
    monkeypatch.setattr(list_ports, "comports", lambda: [bridge])
    port = SerialTransport("/dev/ttyACM7")
    assert (port.flow, port.identity) == (BARE_UART, "usb-serial:5A4B")
    assert PolledSerialTransport("/dev/ttyACM7").identity == "usb-serial:5A4B"
