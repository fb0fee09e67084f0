"""How far moving files has come: a bar on a terminal, a line of JSON for each step, or nothing."""

from __future__ import annotations

import json
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from devsession.cli.terminal import printable

if TYPE_CHECKING:
    from devsession.session.files.sending import Progress

# What takes less time is over before a bar can be read, in seconds.
_SOON = 0.3


class Shown:
    """Called with each step of a transfer; in ``with``, so that the bar goes with it. ``moved`` counts the bytes."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._on_terminal = sys.stderr.isatty() and not as_json
        self._begun = time.monotonic()
        self._bar: Any = None
        self._task: Any = None
        self._before = 0
        self.moved = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, step: Progress) -> None:
        """Show a step."""
        # Of the next file or tree it begins at 0 again.
        self.moved += step.done - (self._before if step.done >= self._before else 0)
        self._before = step.done
        if self._as_json:
            told = {"event": "progress", "path": step.path, "done": step.done, "total": step.total}
            sys.stdout.write(json.dumps(told) + "\n")
        elif self._on_terminal and (self._bar is not None or time.monotonic() - self._begun > _SOON):
            self._draw(step)

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._begun

    def told(self) -> str:
        """Return in words how much was moved, how fast."""
        return f"{self.moved} bytes in {self.seconds:.1f} s"

    def _draw(self, step: Progress) -> None:
        if self._bar is None:
            self._bar = _bar()
            self._bar.start()
            self._task = self._bar.add_task("", total=step.total)
        self._bar.update(
            self._task,
            completed=step.done,
            total=step.total,
            description=printable(step.path).replace("\n", " "),
        )


def _bar() -> Any:
    from rich import progress
    from rich.console import Console

    return progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
