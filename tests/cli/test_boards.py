"""`devsession boards`, as a whole process; the USB devices are made up, the simulated boards are real."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

DEVSESSION = [sys.executable, "-m", "devsession"]
# The same command on a machine to which two USB devices are attached.
ATTACHED = """
from types import SimpleNamespace
from serial.tools import list_ports
ports = [
    dict(device="/dev/ttyACM7", vid=0x2E8A, pid=5, serial_number="E660", location="1-1:1.0",
         manufacturer="Micro\\x1b[31mPython", product="Board in FS mode", interface="Board CDC"),
    dict(device="/dev/ttyUSB7", vid=0x1A86, pid=0x7523, serial_number=None, location="1-2",
         manufacturer=None, product="USB2.0-Serial", interface=None),
]
list_ports.comports = lambda: [SimpleNamespace(**port) for port in ports]
from devsession.cli.app import main
main()
"""


@pytest.fixture(autouse=True)
def own_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Names served here are not seen elsewhere."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


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


def boards(*arguments: str, attached: bool = False):
    command = [sys.executable, "-c", ATTACHED] if attached else DEVSESSION
    return subprocess.run(
        [*command, "boards", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_the_table():
    done = boards(attached=True)
    head, pico, bridge = done.stdout.splitlines()
    assert done.returncode == 0
    assert head.startswith("BOARD         IDENTITY         VID:PID    PROBABLY")
    # What a device says of itself is printed without its escape sequences.
    assert pico.split() == [
        *("/dev/ttyACM7", "usb-serial:E660", "2e8a:0005"),
        *("Raspberry", "Pi", "RP2", "with", "MicroPython"),
        *("MicroPython", "Board", "in", "FS", "mode", "E660", "1-1:1.0", "-"),
    ]
    assert bridge.startswith("/dev/ttyUSB7  usb-path:1-2     1a86:7523  CH340")
    assert len({line.find(text) for line, text in ((head, "PRODUCT"), (bridge, "USB2.0"))}) == 1


def test_json_of_ports():
    pico, bridge = json.loads(boards("--json", attached=True).stdout)
    assert pico["board"] == pico["port"] == "/dev/ttyACM7"
    assert (pico["vid"], pico["pid"], pico["usb"]) == (0x2E8A, 5, "2e8a:0005")
    assert (bridge["identity"], bridge["serial_number"], bridge["holder"]) == ("usb-path:1-2", None, None)


def test_with_several_attached_one_has_to_be_named():
    command = [sys.executable, "-c", ATTACHED, "exec", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert "/dev/ttyUSB7" in done.stderr


def test_served_boards_and_who_holds_them():
    with serving("bench") as port:
        board = {"board": "sim:bench", "port": port, "identity": "sim:bench", "family": "simulated board"}
        assert json.loads(boards("--json").stdout) == [{**board, "holder": None}]
        command = [*DEVSESSION, "-b", "sim:bench", "exec", "print('on')\nwhile True: pass"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "on\n"
            told = json.loads(boards("--json").stdout)[0]["holder"]
            assert told.endswith(f"(pid {holder.pid})")
            assert told in boards().stdout
            holder.send_signal(signal.SIGINT)
            assert holder.wait(10) == 130
        assert json.loads(boards("--json").stdout) == [{**board, "holder": None}]


def test_none():
    done = boards()
    assert (done.stdout, done.returncode) == ("", 0)
    assert "no board is attached" in done.stderr
    assert boards("--json").stdout == "[]\n"


def test_on_a_terminal():
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", ATTACHED, "boards"]
    done = subprocess.run(
        command, stdout=theirs, timeout=60, check=True, env={**os.environ, "COLUMNS": "200", "TERM": "xterm"}
    )
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "usb-path:1-2" in shown
    assert "HELD BY" not in shown
    assert "\x1b[31m" not in shown


@pytest.mark.parametrize("arguments", [["--json"], []])
def test_watch(arguments: list[str]):
    command = [
        sys.executable,
        "-c",
        ATTACHED.replace("ttyACM7", "null").replace("ttyUSB7", "zero"),
        "boards",
        "--watch",
        *arguments,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        lines = [watching.stdout.readline(), watching.stdout.readline()]
        watching.send_signal(signal.SIGINT)
        assert watching.wait(10) == 0
    if arguments:
        told = [json.loads(line) for line in lines]
        assert [(event["event"], event["port"]) for event in told] == [
            ("added", "/dev/null"),
            ("added", "/dev/zero"),
        ]
    else:
        assert lines[0].startswith("added    /dev/null  usb-serial:E660 Raspberry Pi")
