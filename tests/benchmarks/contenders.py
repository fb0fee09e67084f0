"""The tools that are compared, each as a library in this process, each behind the same few verbs.

What a tool has no call for raises Missing. Paths on the board begin at its root.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import tempfile
import warnings
from collections.abc import Callable, Coroutine
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from mpremote.commands import CommandError, do_filesystem_recursive_cp
from mpremote.main import State
from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport
from mpytool import ConnError, ConnSerial, Mpy, MpyError
from mpytool.cmd_cp import CopyCommand
from mpytool.logger import SimpleColorLogger

from devsession import DeviceSessionManager, DevsessionError, connect

with warnings.catch_warnings():
    # Of a dependency that has renamed something.
    warnings.simplefilter("ignore", DeprecationWarning)
    import belay
    from belay.exceptions import BelayException

# What they raise when a job fails; a board or a link that is gone, or a deadline, is an OSError.
FAILURES = (OSError, DevsessionError, CommandError, TransportError, BelayException, ConnError, MpyError)


class Missing(Exception):  # noqa: N818 - it is an answer, not a mishap
    """The tool has no such operation; the words say so in the table."""


class Contender(Protocol):
    """One tool on one board."""

    def attach(self, port: str) -> None: ...
    def exec(self, code: str) -> str: ...
    def write(self, path: str, data: bytes) -> None: ...
    def read(self, path: str) -> bytes: ...
    def put_tree(self, local: Path, remote: str) -> None: ...
    def sync_tree(self, local: Path, remote: str) -> None: ...
    def close(self) -> None: ...


class Devsession:
    """devsession: a board, and a session on it from the first file on."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._open = contextlib.AsyncExitStack()
        self._files: Any = None

    def attach(self, port: str) -> None:
        async def attach() -> Any:
            return await self._open.enter_async_context(connect(port))

        self._board = self._run(attach())

    def exec(self, code: str) -> str:
        return self._run(self._board.exec(code)).output

    def write(self, path: str, data: bytes) -> None:
        self._run(self._with_files(lambda files: files.write_bytes(path, data)))

    def read(self, path: str) -> bytes:
        return self._run(self._with_files(lambda files: files.read_bytes(path)))

    def put_tree(self, local: Path, remote: str) -> None:
        self._run(self._with_files(lambda files: files.put(local, remote)))

    def sync_tree(self, local: Path, remote: str) -> None:
        self._run(self._with_files(lambda files: files.sync(local, remote)))

    def close(self) -> None:
        with self._runner:
            self._run(self._open.aclose())

    async def _with_files(self, work: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
        if self._files is None:
            manager = await self._open.enter_async_context(DeviceSessionManager(self._board))
            self._files = (await self._open.enter_async_context(manager.session())).files
        return await work(self._files)

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(work)


class _Peer:
    """What has been opened is closed at the end, as far as it came."""

    def __init__(self) -> None:
        self._opened = contextlib.ExitStack()

    def close(self) -> None:
        self._opened.close()


class Mpremote(_Peer):
    """mpremote: its serial transport, and its own `cp -r` for trees, which compares hashes."""

    def attach(self, port: str) -> None:
        self._state = State()
        self._state.transport = self._transport = SerialTransport(port)
        self._opened.callback(self._transport.close)
        self._transport.enter_raw_repl(soft_reset=False)
        self._opened.callback(self._transport.exit_raw_repl)

    def exec(self, code: str) -> str:
        return self._transport.exec(code).decode()

    def write(self, path: str, data: bytes) -> None:
        self._transport.fs_writefile(path, data)

    def read(self, path: str) -> bytes:
        return bytes(self._transport.fs_readfile(path))

    def put_tree(self, local: Path, remote: str) -> None:
        self._copy(str(local), remote)

    def sync_tree(self, local: Path, remote: str) -> None:
        # Into a directory that exists it copies the directory itself.
        self._copy(str(local), str(Path(remote).parent))

    def _copy(self, local: str, remote: str) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            do_filesystem_recursive_cp(self._state, local, f":{remote}", multiple=False, check_hash=True)


class Belay(_Peer):
    """Belay: a Device and its sync, for single files too, each of them a file of the host's; no call of it brings a file back."""

    def attach(self, port: str) -> None:
        self._device = self._opened.enter_context(belay.Device(port))

    def exec(self, code: str) -> str:
        said = io.StringIO()
        self._device(code, stream_out=said)
        return said.getvalue()

    def write(self, path: str, data: bytes) -> None:
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory, Path(path).name)
            file.write_bytes(data)
            self._device.sync(file, str(Path(path).parent), minify=False)

    def read(self, path: str) -> bytes:
        raise Missing("no such operation")

    def put_tree(self, local: Path, remote: str) -> None:
        # Sources go as they are, as the others send them.
        self._device.sync(local, remote, minify=False)

    sync_tree = put_tree


class Mpytool(_Peer):
    """mpytool: its Mpy, and its own copy command for trees, which compares sizes and hashes in one batch."""

    def attach(self, port: str) -> None:
        log = SimpleColorLogger()
        connection = self._opened.enter_context(
            contextlib.closing(ConnSerial(port=port, baudrate=115200, log=log))
        )
        self._mpy, self._log = Mpy(connection, log=log), log
        self._opened.callback(self._mpy.comm.exit_raw_repl)
        # Kept for the class, as if there were one board only.
        Mpy._DEFLATE_AVAILABLE = None

    def exec(self, code: str) -> str:
        return bytes(self._mpy.comm.exec(code)).decode()

    def write(self, path: str, data: bytes) -> None:
        self._mpy.put(data, path)

    def read(self, path: str) -> bytes:
        return bytes(self._mpy.get(path))

    def put_tree(self, local: Path, remote: str) -> None:
        copy = CopyCommand(self._mpy, self._log, lambda *_: None, lambda: False, lambda: 0)
        copy.run([f"{local}/", f":{remote}/"])

    sync_tree = put_tree


CONTENDERS: dict[str, Callable[[], Contender]] = {
    "devsession": Devsession,
    "mpremote": Mpremote,
    "belay": Belay,
    "mpytool": Mpytool,
}


def versions() -> dict[str, str]:
    """Return which version of each tool this is."""
    return {name: version(name) for name in CONTENDERS}
