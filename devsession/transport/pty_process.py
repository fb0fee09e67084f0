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

# How long a program may take to end by itself after its terminal hung up, and again after SIGTERM, before the next step.
_PATIENCE = 0.5


class PtyProcessTransport(DescriptorTransport):
    """Runs ``argv`` on a PTY that is its controlling terminal, in raw mode: every byte passes unchanged in both directions.

    ``cwd`` and ``env`` as for a subprocess; ``url`` names the link in messages. Its end is a LinkLostError with its exit status. Closing
    hangs up the terminal, then sends SIGTERM, then SIGKILL to its process group, and always reaps it.
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
        master, slave = os.openpty()
        try:
            tty.setraw(slave, termios.TCSANOW)
            # Starting a program is a fork and an exec: milliseconds, no waiting for anything outside.
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603
                self._argv,
                stdin=slave,
                stdout=slave,
                stderr=slave,
                cwd=self._cwd,
                env=self._env,
                start_new_session=True,
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
            )
        except OSError as error:
            os.close(master)
            raise LinkError(
                f"cannot start {self._argv[0]}: {error.strerror}", board=self.url, phase="open"
            ) from error
        finally:
            os.close(slave)
        return master

    def _lost(self, error: OSError | None) -> LinkLostError:
        lost = super()._lost(error)
        if self._process is not None:
            # The terminal closes a moment before the exit status is there.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.01)
            lost.message = f"{self._argv[0]} ended with status {self._process.returncode}"
            lost.hint = None
        return lost

    async def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Send what is queued for at most ``timeout`` seconds, hang up, and see the program end."""
        try:
            await super().close(timeout)
            for step in (signal.SIGHUP, signal.SIGTERM):
                if await self._ended(min(timeout, _PATIENCE)):
                    break
                self._signal(step)
        finally:
            self.abort()

    def abort(self) -> None:
        """Hang up and kill the program at once."""
        super().abort()
        if self._process is not None and self._process.returncode is None:
            self._signal(signal.SIGKILL)
            self._process.wait()

    async def _ended(self, patience: float) -> bool:
        process = self._process
        if process is None:
            return True
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(None, process.wait, patience)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _signal(self, number: int) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
