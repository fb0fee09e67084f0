"""What the doctor finds: on real simulated boards, some behind a wire with a fault, and on real pseudo-terminals."""

import asyncio
import contextlib
import datetime as dt
import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import tty
from pathlib import Path
from types import SimpleNamespace

import pytest

from devsession import BoardNotFoundError, Level, LinkLostError, UsageError, diagnose
from devsession.board import recovery
from devsession.board.clock import set_clock
from devsession.doctor import diagnose as diagnosing
from devsession.doctor import host, interpreter
from devsession.doctor.firmware import judge
from devsession.links import connect, link
from devsession.transport.ports import ports_from
from devsession.transport.wrapper import WrappedTransport

BOARD_CHECKS = ["attach", "firmware", "heap", "clock", "round trip", "upload", "download", "raw-paste"]
DEVSESSION = [sys.executable, "-m", "devsession"]


async def examine(url):
    async with contextlib.aclosing(diagnose(url)) as findings:
        return {finding.check: finding async for finding in findings}


@pytest.fixture(autouse=True)
def own_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Names served here are not seen elsewhere."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.fixture
def terminal():
    """A pseudo-terminal at which nobody answers."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    path = os.ttyname(theirs)
    os.close(theirs)
    yield path
    os.close(ours)


@contextlib.contextmanager
def serving(name: str):
    command = [*DEVSESSION, "sim", "serve", name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.send_signal(signal.SIGINT)
            assert server.wait(10) == 0


# The board


async def test_a_healthy_board():
    found = await examine("sim:")
    assert list(found) == ["port", *BOARD_CHECKS]
    assert {finding.level for finding in found.values()} == {Level.OK}
    assert found["firmware"].seen.startswith("MicroPython 1.")
    assert "bytes are free" in found["heap"].seen
    assert "median of 21 execs" in found["round trip"].seen
    assert found["upload"].seen.endswith(" kB/s")


async def test_a_board_behind_a_port():
    with serving("bench") as path:
        found = await examine(path)
        assert list(found) == ["port", "permission", "holder", *BOARD_CHECKS]
        assert all(finding.level.is_healthy for finding in found.values())
        assert found["port"].seen == f"{path}, not a known USB device, port:{path}"
        assert list(await examine("sim:bench")) == ["port", *BOARD_CHECKS]


async def test_a_port_at_which_nobody_answers(terminal, monkeypatch):
    monkeypatch.setattr(diagnosing, "connect", lambda url, _: Impatient(connect(url)))
    found = await examine(terminal)
    assert found["attach"].level is Level.ERROR
    assert "nothing answered" in found["attach"].seen
    assert "is the board powered" in (found["attach"].cure or "")
    assert found["left out"].level is Level.NOTE
    assert found["left out"].seen.endswith("firmware, heap, clock, round trip, upload, download, raw-paste")


class Impatient:
    def __init__(self, board):
        self._board = board

    async def __aenter__(self):
        try:
            await self._board.attach(timeout=0.5)
        except BaseException:
            await self._board.close()
            raise
        return self._board

    async def __aexit__(self, *error):
        await self._board.close()


class Faulty(WrappedTransport):
    """A real board behind a wire that does something else at the request for raw-paste."""

    def __init__(self, fault):
        super().__init__(link("sim:"))
        self._fault = fault
        self.dead = False

    def write(self, data: bytes) -> None:
        if data == b"\x05A\x01":
            asyncio.get_running_loop().call_soon(getattr(self, self._fault))
        elif not self.dead or data.startswith((b"\x03", b"\r\x03")):
            self.dead = False
            super().write(data)

    def absent(self):
        super().write(b"\x01")

    def refused(self):
        super().write(b"\x05B\x01")

    def ended_at_once(self):
        self.data_received(b"R\x01\x80\x00\x01\x04\x04\x04>")
        self.dead = True

    def silent(self):
        self.dead = True
        self.data_received(b"R\x01\x80\x00\x01")

    def without_window(self):
        self.dead = True
        self.data_received(b"R\x01\x00\x00\x01")

    def cut(self):
        self.dead = True
        self.connection_lost(LinkLostError("the link was lost: pulled"))


@pytest.mark.parametrize(
    ("fault", "level", "seen"),
    [
        ("absent", Level.NOTE, "the firmware has none"),
        ("refused", Level.NOTE, "the firmware has none"),
        ("ended_at_once", Level.WARNING, "it is announced, but does not work"),
        ("silent", Level.WARNING, "it does not work"),
        ("without_window", Level.WARNING, "it does not work: the board offers raw-paste with a window of 0"),
    ],
)
async def test_raw_paste(fault, level, seen, monkeypatch):
    monkeypatch.setattr(interpreter, "_PASTE_TIMEOUT", 1)
    monkeypatch.setattr(recovery, "STOP_LIMIT", 0.5)
    found = await interpreter.check_raw_paste(Faulty(fault))
    assert found.level is level
    assert found.seen.startswith(seen)
    assert found.cure


async def test_a_link_that_is_lost_meanwhile(monkeypatch):
    monkeypatch.setattr(diagnosing, "link", lambda *_: Faulty("cut"))
    found = await examine("sim:")
    assert list(found) == ["port", *BOARD_CHECKS]
    assert found["raw-paste"].level is Level.ERROR
    assert "pulled" in found["raw-paste"].seen


class Answering:
    """A board that gives one answer, and takes its time."""

    def __init__(self, answer):
        self._answer = answer

    async def eval(self, _):
        return self._answer

    async def exec(self, _):
        return SimpleNamespace(output="x" * 100)


async def test_little_heap():
    assert (await interpreter.check_heap(Answering((5000, 9000)))).level is Level.WARNING  # type: ignore[arg-type]


async def test_a_clock():
    now = dt.datetime.now(dt.UTC)
    async with connect("sim:") as board:
        for when, level in (
            (now - dt.timedelta(days=1000), Level.NOTE),
            (now, Level.OK),
            (now.astimezone(), Level.OK),
        ):
            await set_clock(board, when)
            assert (await interpreter.check_clock(board)).level is level


async def test_a_slow_board_and_one_that_loses_output(monkeypatch):
    board = Answering(None)
    assert (await interpreter.check_download(board)).level is Level.ERROR  # type: ignore[arg-type]
    monkeypatch.setattr(interpreter, "SLOW_ROUND_TRIP", 0)
    monkeypatch.setattr(interpreter, "SLOW_RATE", 1e12)
    async with connect("sim:") as slow:
        assert (await interpreter.check_round_trip(slow)).level is Level.WARNING
        assert (await interpreter.check_upload(slow)).level is Level.WARNING
        assert (await interpreter.check_download(slow)).level is Level.WARNING


async def test_what_the_firmware_cannot_tell_is_a_note(monkeypatch):
    monkeypatch.setattr(interpreter, "_HEAP", "__import__('no_such_module')")
    async with connect("sim:") as board:
        found = await interpreter.made("heap", interpreter.check_heap(board))
    assert found.level is Level.NOTE
    assert "ImportError" in found.seen


@pytest.mark.parametrize(
    ("implementation", "version", "platform", "level"),
    [
        ("micropython", (1, 18, 0), "rp2", Level.WARNING),
        ("micropython", (1, 19, 1), "rp2", Level.WARNING),
        ("micropython", (1, 18, 0), "esp32", Level.OK),
        ("micropython", (1, 20, 0), "rp2", Level.OK),
        ("micropython", (1, 9, 2), "microbit", Level.NOTE),
        ("circuitpython", (6, 3, 0), "Atmel SAMD21", Level.NOTE),
        ("circuitpython", (9, 2, 1), "RP2040", Level.OK),
        ("pycopy", (3, 6, 1), "linux", Level.OK),
    ],
)
def test_firmware(implementation, version, platform, level):
    found = judge(implementation, version, platform, "some board")
    assert found.level is level
    assert (found.cure is None) == (level is Level.OK)


# The computer and the port


async def test_no_board(monkeypatch):
    assert list(await examine(None)) == ["port"]
    running(monkeypatch, "brltty")
    found = await examine(None)
    assert [finding.level for finding in found.values()] == [Level.ERROR, Level.WARNING]


async def test_names_of_nothing():
    found = await examine("id:nobody")
    assert "nobody" in found["port"].seen
    assert list(found) == ["port", "left out"]
    assert (await examine("/dev/ttyACM99"))["port"].seen == "there is no port /dev/ttyACM99"
    assert "devsession sim serve" in ((await examine("sim:nobody"))["attach"].cure or "")
    with pytest.raises(UsageError):
        await examine("gopher:x")
    with pytest.raises(BoardNotFoundError):
        link("id:nobody")


@pytest.mark.parametrize("path", ["/dev/null", "/etc/passwd", "."])
async def test_what_is_no_port_is_told_as_such(path: str):
    found = await examine(path)
    assert list(found) == ["port", "left out"]
    assert found["port"].level is Level.ERROR
    assert found["port"].seen == f"{path} is not a serial port"


async def test_a_cassette_that_is_not_there_is_a_finding(tmp_path):
    found = await examine(f"replay:{tmp_path}/none")
    assert "cannot be read" in found["port"].seen
    assert list(found) == ["port", "left out"]


def subject(path: str, vid: int = 0x1A86, pid: int = 0x7523):
    told = dict.fromkeys(("serial_number", "manufacturer", "product", "interface", "location"))
    port = ports_from([SimpleNamespace(device=path, vid=vid, pid=pid, **told)])[0]
    return host.Subject(path, port, link(path))


def running(monkeypatch, *names: str):
    """Let these programs run, and no others."""
    proc = Path(os.environ["XDG_RUNTIME_DIR"]) / "proc"
    for number, name in enumerate(names, 100):
        (proc / str(number)).mkdir(parents=True)
        (proc / str(number) / "comm").write_text(name + "\n")
    monkeypatch.setattr(host, "_PROC", proc)


def test_permission(terminal, monkeypatch):
    import grp

    assert host.check_permission(subject(terminal)).level is Level.OK
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(Path, "group", lambda _: "dialout")
    refused = host.check_permission(subject(terminal))
    assert (refused.level, "usermod -aG dialout" in refused.cure) == (Level.ERROR, True)
    import pwd

    me = pwd.getpwuid(os.getuid()).pw_name
    monkeypatch.setattr(grp, "getgrnam", lambda _: SimpleNamespace(gr_mem=[me]))
    assert "log out and in again" in host.check_permission(subject(terminal)).cure
    monkeypatch.setattr(Path, "group", lambda _: "root")
    assert "udev rule" in host.check_permission(subject(terminal)).cure


async def test_a_port_that_somebody_holds_is_left_alone(terminal):
    lock = (
        "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print(); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", lock, terminal], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        found = await examine(terminal)
    assert found["holder"].level is Level.ERROR
    assert f"(pid {holder.pid})" in found["holder"].seen
    assert "attach" in found["left out"].seen
    with open(terminal) as port:
        fcntl.flock(port, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_modem_manager(terminal, monkeypatch, tmp_path):
    running(monkeypatch)
    assert host.check_modem_manager(subject(terminal)).level is Level.OK
    running(monkeypatch, "bash", "ModemManager")
    meddling = host.check_modem_manager(subject(terminal))
    assert meddling.level is Level.WARNING
    assert 'ATTRS{idVendor}=="1a86", ENV{ID_MM_DEVICE_IGNORE}="1"' in meddling.cure
    device = os.stat(terminal).st_rdev
    (tmp_path / f"c{os.major(device)}:{os.minor(device)}").write_text("S:x\nE:ID_MM_DEVICE_IGNORE=1\n")
    monkeypatch.setattr(host, "_UDEV", tmp_path)
    assert host.check_modem_manager(subject(terminal)).level is Level.OK


def test_brltty(terminal, monkeypatch):
    running(monkeypatch, "brltty")
    assert host.check_brltty(subject(terminal)).level is Level.WARNING
    assert host.check_brltty(subject(terminal, 0x2E8A, 5)).level is Level.OK


def test_speed(monkeypatch):
    assert "UART at 115200 baud: at most 11.5 kB/s" in host.check_speed(subject("/dev/ttyUSB99")).seen
    assert "native USB" in host.check_speed(subject("/dev/ttyACM99", 0x2E8A, 5)).seen


# The command


def doctor(*arguments: str):
    command = [*DEVSESSION, "doctor", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_command():
    done = doctor("-b", "sim:")
    assert (done.stderr, done.returncode) == ("", 0)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["ok"] * 9
    sick = doctor("-b", "/dev/ttyACM99")
    assert sick.returncode == 1
    assert "cure: a cable" in sick.stdout
    assert doctor().returncode == 1
    assert doctor("-b", "gopher:x").returncode == 2


@pytest.mark.parametrize(
    ("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)]
)
def test_colours(variables: dict[str, str], coloured: bool):
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    master, slave = os.openpty()
    command = [*DEVSESSION, "doctor", "-b", "/dev/ttyACM99"]
    process = subprocess.Popen(command, stdout=slave, env={**environment, **variables})
    os.close(slave)
    seen = b""
    # Its end is an OSError on Linux.
    with contextlib.suppress(OSError):
        while data := os.read(master, 4096):
            seen += data
    os.close(master)
    assert process.wait(10) == 1
    assert b"there is no port" in seen
    assert (b"\x1b[31m" in seen) == coloured


def test_the_command_as_json():
    told = json.loads(doctor("-b", "sim:", "--json").stdout)
    assert told["board"] == "sim:"
    assert [finding["check"] for finding in told["findings"]] == ["port", *BOARD_CHECKS]
    assert {finding["level"] for finding in told["findings"]} == {"ok"}
