"""A link to a program of this computer on a PTY of its own: an interpreter, an emulator, anything with a console."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
import termios
import tty
from collections.abc import Mapping, Sequence
from pathlib import Path

from devsession.errors import LinkError, LinkLostError
from devsession.transport.base import CLOSE_TIMEOUT
from devsession.transport.descriptor import DescriptorTransport

# Seconds between two looks at whether a program has ended: no more than a close may take longer for it.
_POLL = 0.002
# Seconds that the loss of a terminal waits for an exit status, on the loop: the kernel closes the one a moment before it tells the other.
_STATUS = 0.01


class PtyProcessTransport(DescriptorTransport):
    """Runs ``argv`` on a PTY that is its controlling terminal, in raw mode: every byte passes unchanged in both directions.

    ``cwd`` and ``env`` as for a subprocess; ``url`` names the link in messages. Its end is a LinkLostError with its exit status. Closing
    hangs up the terminal (which is a SIGHUP), then sends SIGTERM, then SIGKILL to its process group, and always reaps it.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        url: str | None = None,
        cwd: str | Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(url or "pty:" + " ".join(argv))
        self._argv = list(argv)
        self._cwd = cwd
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None

    async def _open_descriptor(self) -> int:
        with contextlib.ExitStack() as undo:
            master, slave = os.openpty()
            undo.callback(os.close, master)
            try:
                tty.setraw(slave, termios.TCSANOW)
                self._process = self._start(slave)
            except OSError as error:
                raise LinkError(
                    f"cannot start {self._argv[0]}: {error}", board=self.url, phase="open"
                ) from error
            finally:
                os.close(slave)
            undo.pop_all()
        return master

    def _start(self, terminal: int) -> subprocess.Popen[bytes]:
        # A fork and an exec: milliseconds, no waiting for anything outside.
        return subprocess.Popen(  # noqa: S603
            self._argv,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            cwd=self._cwd,
            env=self._env,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )

    def _lost(self, error: OSError | None) -> LinkLostError:
        del error
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STATUS)
        status = self._process.returncode
        what = "closed its terminal" if status is None else f"ended with status {status}"
        return LinkLostError(f"{self._argv[0]} {what}", board=self.url)

    async def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Send what is queued, hang up, and see the program end, all within ``timeout`` seconds.

        Each step has half of the time left: sending, the program's own end after the hangup; SIGTERM has the rest. What is left then is
        killed. When cancelled it is killed at once.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        try:
            await self._flush(timeout / 2)
            self._hang_up()
            if not await self._ended(by=(loop.time() + deadline) / 2):
                self._signal(signal.SIGTERM)
                await self._ended(by=deadline)
        finally:
            self.abort()

    def abort(self) -> None:
        """Hang up and kill the program at once."""
        self._hang_up()
        if self._process is not None and self._process.returncode is None:
            self._signal(signal.SIGKILL)
            self._process.wait()

    def _hang_up(self) -> None:
        super().abort()

    async def _ended(self, *, by: float) -> bool:
        loop = asyncio.get_running_loop()
        # Asked, not waited for: a thread that waits would outlive a close that is cancelled.
        while self._process is not None and self._process.poll() is None:
            if loop.time() >= by:
                return False
            await asyncio.sleep(_POLL)
        return True

    def _signal(self, number: int) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
