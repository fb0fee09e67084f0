"""The modem lines of a port that pyserial holds, where no single step sets them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from devsession.errors import LinkClosedError, LinkError

if TYPE_CHECKING:
    from serial import SerialBase


class PortLines:
    """The lines of ``port``; ``is_open`` says whether the link still is, ``failures`` are what pyserial raises when it is not."""

    def __init__(
        self,
        port: SerialBase,
        url: str,
        is_open: Callable[[], bool] | None = None,
        failures: tuple[type[Exception], ...] = (OSError,),
    ) -> None:
        self._port = port
        self._url = url
        self._is_open = is_open or (lambda: bool(port.is_open))
        self._failures = failures

    def set(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        """Set the lines, DTR before RTS; blocks. Raises LinkError, and LinkClosedError after the port was closed."""
        with self._worded("the modem lines cannot be set"):
            if dtr is not None:
                self._port.dtr = dtr
            if rts is not None:
                self._port.rts = rts

    def send_break(self, duration: float = 0.25) -> None:
        """Hold the line in the break condition for ``duration`` seconds; blocks that long."""
        with self._worded("a break cannot be sent"):
            self._port.send_break(duration)

    @contextlib.contextmanager
    def _worded(self, failure: str) -> Iterator[None]:
        if not self._is_open():
            raise LinkClosedError("the link is closed", board=self._url)
        try:
            yield
        except self._failures as error:
            raise LinkError(f"{failure}: {error}", board=self._url) from error
