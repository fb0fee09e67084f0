"""A labgrid farm on this computer: a real coordinator, a real exporter, and simulated boards behind a real ser2net."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ser2net import command, free_port

ROOT = Path(__file__).parents[2]
LABGRID = ROOT / ".labgrid"
PYTHON = LABGRID / "bin" / "python"
CLIENT = Path(__file__).with_name("client.py")
# A busy computer starts a process of labgrid's within seconds, an idle one in half of one.
START_TIMEOUT = 30.0
ANSWER_TIMEOUT = 60.0
LOOK = 0.05
EXPORTER_CONNECTED = "connected to coordinator"
BOARDS = ("rp2-a", "rp2-b", "esp-c")
TAGS = {
    "rp2-a": {"pool": "ci", "port": "rp2", "cap_wifi": "1"},
    "rp2-b": {"pool": "ci", "port": "rp2", "cap_wifi": "0"},
    "esp-c": {"pool": "ci", "port": "esp32"},
    # Nothing is exported for this one: labgrid would let it be acquired all the same.
    "empty": {"pool": "ci", "port": "rp2"},
}
_ACCEPTERS = {"rp2-a": "telnet(rfc2217,mode=server),tcp", "rp2-b": "tcp"}
_PROTOCOLS = {"rp2-a": "rfc2217", "rp2-b": "raw"}


class Farm:
    """The farm: ``address`` is its coordinator's. ``ended`` kills what is left."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.address = f"127.0.0.1:{free_port()}"
        self.relay = free_port()
        # Clients that have nothing to do now: to start one takes as long as most tests.
        self.spare: list[Client] = []
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._ports = {name: free_port() for name in _ACCEPTERS}
        self._ser2net, self._environment = command()

    def start(self) -> None:
        ttys = {name: self._serve(name) for name in BOARDS}
        self._start_ser2net(ttys)
        (self.directory / "places.yaml").write_text(json.dumps({name: _place(name) for name in TAGS}))
        self.start_coordinator()
        exported: dict[str, Any] = {
            name: {
                "NetworkSerialPort": {
                    "host": "127.0.0.1",
                    "port": port,
                    "speed": 115200,
                    "protocol": _PROTOCOLS[name],
                }
            }
            for name, port in self._ports.items()
        }
        # A relay that is switched by asking for a page.
        relay = f"http://127.0.0.1:{self.relay}/{{index}}/{{value}}"
        exported["rp2-b"]["NetworkPowerPort"] = {"model": "simplerest", "host": relay, "index": 3}
        # This one's server is started by the exporter, when it is acquired.
        exported["esp-c"] = {"RawSerialPort": {"port": ttys["esp-c"], "speed": 115200}}
        (self.directory / "exporter.yaml").write_text(json.dumps(exported))
        self.start_exporter()

    def start_coordinator(self) -> None:
        self._start("coordinator", LABGRID / "bin" / "labgrid-coordinator", "-l", self.address)
        _await(lambda: _listens(self.address), "the coordinator", self._processes["coordinator"])

    def start_exporter(self) -> None:
        """Start the exporter, and again as a service manager does: it ends when the coordinator still knows the one before."""
        where = ("-c", self.address, "-n", "here", "--hostname", "127.0.0.1")
        log = self.directory / "exporter.log"
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            self._start("exporter", LABGRID / "bin" / "labgrid-exporter", *where, "exporter.yaml")
            while self._processes["exporter"].poll() is None:
                if EXPORTER_CONNECTED in log.read_text():
                    return
                assert time.monotonic() < deadline, "the exporter did not connect"
                time.sleep(LOOK)

    def kill(self, name: str) -> None:
        """Kill a process of the farm at once, and whatever it has started; it is not missed."""
        process = self._processes.pop(name)
        # Each has a group of its own: an exporter's servers would go on, as a service manager sees to in real farms.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def restart(self, name: str) -> None:
        """Start what was killed, or has ended, as a service manager does."""
        if name in self._processes:
            self.kill(name)
        {"coordinator": self.start_coordinator, "exporter": self.start_exporter}[name]()

    def restore(self) -> None:
        """Start what a test has killed, or what has ended with it: an exporter ends with its coordinator."""
        for name in ("coordinator", "exporter"):
            process = self._processes.get(name)
            if process is None or process.poll() is not None:
                self.restart(name)

    @property
    def processes(self) -> set[str]:
        """The ids of what runs of the farm."""
        return {str(process.pid) for process in self._processes.values()} | {each.pid for each in self.spare}

    def end(self) -> None:
        for each in self.spare:
            each.end()
        for name in tuple(self._processes):
            self.kill(name)

    def _serve(self, name: str) -> str:
        path = self.directory / name
        self._start(name, sys.executable, "-m", "devsession", "sim", "serve", "--path", str(path))
        _await(path.is_symlink, name, self._processes[name])
        return str(path.readlink())

    def _start_ser2net(self, ttys: dict[str, str]) -> None:
        lines = ["%YAML 1.1", "---"]
        for number, (name, port) in enumerate(self._ports.items()):
            lines += [
                f"connection: &b{number}",
                f"  accepter: {_ACCEPTERS[name]},127.0.0.1,{port}",
                f"  connector: serialdev(nouucplock=true),{ttys[name]},115200n81,local",
                "  options: {max-connections: 1}",
            ]
        (self.directory / "ser2net.yaml").write_text("\n".join(lines) + "\n")
        # Where the exporter finds it.
        (self.directory / "bin").mkdir()
        script = self.directory / "bin" / "ser2net"
        script.write_text(f'#!/bin/sh\nexec {" ".join(self._ser2net)} "$@"\n')
        script.chmod(0o755)
        self._environment["PATH"] = f"{script.parent}:{self._environment['PATH']}"
        self._start("ser2net", *self._ser2net, "-n", "-d", "-c", "ser2net.yaml")
        ports = [f"127.0.0.1:{port}" for port in self._ports.values()]
        _await(lambda: all(map(_listens, ports)), "ser2net", self._processes["ser2net"])

    def _start(self, name: str, *words: str | Path) -> None:
        with (self.directory / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                words,
                cwd=self.directory,
                env={**self._environment, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


class Client:
    """A process with devsession and labgrid, which does what it is told: see client.py."""

    def __init__(self, farm: Farm, serial: str | None = None) -> None:
        path = [str(ROOT), *([str(LABGRID / "serial" / serial)] if serial else [])]
        environment = {**os.environ, "PYTHONPATH": ":".join(path), "LG_COORDINATOR": farm.address}
        self._process = subprocess.Popen(
            [PYTHON, CLIENT], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    @property
    def pid(self) -> str:
        """Its id, as the system writes it."""
        return str(self._process.pid)

    @property
    def descriptors(self) -> set[str]:
        """What is open to it."""
        streams = (self._process.stdin, self._process.stdout)
        return {str(stream.fileno()) for stream in streams if stream is not None}

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def begin(self, do: str, *words: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([do, *words]) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """Return what came of what was begun; what went wrong there is a RefusedError here."""
        assert self._process.stdout is not None
        # One line answers one: nothing of it is read ahead.
        ready, _, _ = select.select([self._process.stdout], [], [], ANSWER_TIMEOUT)
        assert ready, "the client does not answer"
        line = self._process.stdout.readline()
        assert line, "the client has ended"
        kind, told = json.loads(line)
        if kind != "done":
            raise RefusedError(kind, told)
        return told

    def do(self, do: str, *words: Any) -> Any:
        self.begin(do, *words)
        return self.answer()

    def wait_for(self, name: str) -> list[str]:
        """Wait until a place is offered; return its tags."""
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            with contextlib.suppress(RefusedError):
                offers = self.do("discover")
                if name in offers:
                    return list(offers[name])
            time.sleep(LOOK)
        raise AssertionError(f"{name} is not offered")

    def open_when_free(self, name: str) -> None:
        """Open a place as soon as nobody has it."""
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                self.do("open", name)
            except RefusedError as error:
                if error.kind != "BoardTakenError" or time.monotonic() > deadline:
                    raise
                time.sleep(LOOK)
            else:
                return

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Have the process stand still while the block runs, as a computer does that is too busy."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._close()

    def end(self) -> None:
        if self.is_running:
            self._process.stdin.close()  # type: ignore[union-attr]
            try:
                self._process.wait(START_TIMEOUT)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._close()

    def _close(self) -> None:
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(BrokenPipeError):
                stream.close()  # type: ignore[union-attr]


class RefusedError(Exception):
    """What a client could not do: the class of the error, and what it says."""

    def __init__(self, kind: str, said: str) -> None:
        super().__init__(f"{kind}: {said}")
        self.kind = kind


@contextlib.contextmanager
def running(directory: Path) -> Iterator[Farm]:
    farm = Farm(directory)
    try:
        farm.start()
        yield farm
    finally:
        farm.end()


def _place(name: str) -> dict[str, Any]:
    match = {"exporter": "here", "group": name, "cls": "*", "name": None, "rename": None}
    return {
        "aliases": [],
        "comment": "",
        "tags": TAGS[name],
        "matches": [match],
        "created": 0.0,
        "changed": 0.0,
    }


def _listens(address: str) -> bool:
    # Looked up, not connected to: a server of one client would have none left.
    port = int(address.rpartition(":")[2])
    wanted = (f"0100007F:{port:04X} 00000000:0000 0A", f"0000000000000000FFFF00000100007F:{port:04X} ")
    return any(
        each in Path(table).read_text() for each in wanted for table in ("/proc/net/tcp", "/proc/net/tcp6")
    )


def _await(holds: Any, what: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while not holds():
        assert process.poll() is None, f"{what} has ended"
        assert time.monotonic() < deadline, f"{what} did not start"
        time.sleep(LOOK)
