"""Structured logging: one event per phase, silent until switched on, and nothing is imported before."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from devsession.errors import DevsessionError, shown

# Levels, from the command line's -v and -vv.
PHASES = 1
BYTES = 2

_BYTES_SHOWN = 200


class Log:
    """Where phases of one board are told: ``level`` 0 nothing, 1 phases, 2 bytes too."""

    def __init__(self) -> None:
        self.level = 0
        self._logger: Any = None

    def enable(self, level: int, stream: TextIO | None = None) -> None:
        """Tell everything from now on, up to ``level``.

        With a ``stream``, one readable line per event goes there; without, to whatever structlog is configured for.
        """
        import structlog

        self.level = level
        if stream is None:
            self._logger = structlog.get_logger("devsession")
            return
        self._logger = structlog.wrap_logger(
            structlog.PrintLogger(stream),
            processors=[
                structlog.processors.TimeStamper(fmt="%H:%M:%S.%f", utc=False),
                structlog.processors.KeyValueRenderer(key_order=["timestamp", "event"], drop_missing=True),
            ],
        )

    def event(self, name: str, **data: Any) -> None:
        """Tell one thing."""
        if self.level >= PHASES:
            self._logger.info(name, **data)

    def wire(self, direction: str, data: bytes, board: str) -> None:
        """Tell bytes on the wire, shortened and escaped."""
        if self.level >= BYTES:
            self._logger.debug(direction, board=board, size=len(data), data=shown(data, _BYTES_SHOWN))

    @contextmanager
    def phase(self, name: str, **data: Any) -> Iterator[None]:
        """Tell how a phase went and how long it took, in seconds."""
        if self.level < PHASES:
            yield
            return
        begun = time.monotonic()
        try:
            yield
        except BaseException as error:
            said = error.message if isinstance(error, DevsessionError) else str(error)
            self._logger.warning(
                name,
                failed=type(error).__name__,
                said=said,
                seconds=round(time.monotonic() - begun, 4),
                **data,
            )
            raise
        self._logger.info(name, seconds=round(time.monotonic() - begun, 4), **data)


log = Log()
