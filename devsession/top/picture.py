"""The picture that `devsession top` draws: as text, and with rich on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devsession.cli.terminal import aligned, printable
from devsession.top.looking import Row

if TYPE_CHECKING:
    from rich.console import RenderableType

HEADS = ("WHO", "BOARD", "SESSION", "STATE", "FOR", "QUEUE", "B/S", "FREE HEAP", "", "DOING")
NOTHING = "no shell and no pool is at work on this computer; -b BOARD asks a board"
_STYLES = {
    "processing": "green",
    "leased": "green",
    "waiting-for-input": "bold yellow",
    "failed": "bold red",
    "quarantined": "bold red",
    "paused": "blue",
    "hibernated": "blue",
}
_BARS = "▁▂▃▄▅▆▇█"
_UNKNOWN = "-"


def text(rows: list[Row]) -> str:
    """Return the picture as lines of text."""
    return "".join(f"{line}\n" for line in aligned([HEADS, *map(_cells, rows)]))


def drawn(rows: list[Row]) -> RenderableType:
    """Return the picture for a terminal."""
    from rich.table import Table
    from rich.text import Text

    if not rows:
        return Text(NOTHING)
    table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    for head in HEADS:
        is_number = head in {"FOR", "QUEUE", "B/S", "FREE HEAP"}
        table.add_column(
            head, justify="right" if is_number else "left", no_wrap=True, ratio=1 if head == "DOING" else None
        )
    for row in rows:
        style = _STYLES.get(row.state, "")
        table.add_row(*(Text(cell, style=style) for cell in _cells(row)))
    return table


def sparkline(values: tuple[int, ...]) -> str:
    """Return a picture of how values went, from the lowest to the highest of them."""
    if not values:
        return ""
    low, high = min(values), max(values)
    if low == high:
        return _BARS[len(_BARS) // 2] * len(values)
    return "".join(_BARS[(value - low) * (len(_BARS) - 1) // (high - low)] for value in values)


def _cells(row: Row) -> list[str]:
    return [
        _line(row.where),
        _line(row.board),
        _line(row.session or _UNKNOWN),
        row.state,
        _UNKNOWN if row.seconds is None else _duration(row.seconds),
        _UNKNOWN if row.queue is None else str(row.queue),
        _UNKNOWN if row.rate is None else f"{row.rate:,.0f}",
        _UNKNOWN if row.free_heap is None else f"{row.free_heap:,}",
        sparkline(row.heaps),
        _line(row.doing),
    ]


def _duration(seconds: float) -> str:
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _line(told: str) -> str:
    return printable(told).replace("\r", " ").replace("\n", " ").replace("\t", " ")
