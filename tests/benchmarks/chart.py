"""Draws the figures of the benchmark of file jobs: horizontal bars in groups, as SVG with text that can be read and searched."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

COLOURS = {"devsession": "#0b6e4f", "mpremote": "#c44536", "belay": "#5c7aa8", "mpytool": "#d9a21b"}
WIDTH, LEFT, RIGHT = 860, 210, 110
BAR, GAP, TITLE, MARGIN = 13, 12, 34, 16
STYLE = (
    "text{font-family:system-ui,'Segoe UI',Helvetica,Arial,sans-serif;font-size:12px;fill:#222}"
    ".title{font-size:14px;font-weight:600}.quiet{fill:#666}.axis{stroke:#999;stroke-width:1}"
)


@dataclass(frozen=True)
class Panel:
    """One figure of several jobs, as (link, job, label); ``log``: a scale in decades from 1 on."""

    title: str
    figure: str
    form: str
    log: bool
    groups: tuple[tuple[str, str, str], ...]


PANELS = (
    Panel(
        "Bytes on the wire for each byte of the file",
        "per_byte",
        ".2f",
        False,
        (
            ("instant", "put 32 KiB random", "put, random"),
            ("instant", "get 32 KiB random", "get, random"),
            ("instant", "put 32 KiB source", "put, Python source"),
            ("instant", "get 32 KiB source", "get, Python source"),
        ),
    ),
    Panel(
        "Time, as a multiple of what a plain blast of the file through the link takes (logarithmic)",
        "over_limit",
        ".2f",
        True,
        (
            ("115200", "put 64 KiB random", "put 64 KiB, 115200 baud"),
            ("115200", "get 64 KiB random", "get 64 KiB, 115200 baud"),
            ("USB-like", "put 1 MiB random", "put 1 MiB, USB"),
            ("USB-like", "get 1 MiB random", "get 1 MiB, USB"),
        ),
    ),
    Panel(
        "Turns: how often the tool waits for the board, 1 ms each on USB (logarithmic)",
        "turns",
        ",.0f",
        True,
        (
            ("instant", "first put of 32 KiB random", "first put of 32 KiB"),
            ("instant", "put 200 small files", "put 200 small files"),
            ("instant", "sync them unchanged", "sync them unchanged"),
        ),
    ),
)


def draw(rows: list[dict], versions: dict[str, str]) -> str:
    """Return the picture of these rows; jobs that were not measured are left out."""
    known = {(row["link"], row["job"], row["tool"]): row for row in rows}
    parts: list[str] = []
    at = _legend(parts, versions)
    for panel in PANELS:
        groups = [
            (label, found)
            for link, job, label in panel.groups
            if (found := [row for tool in versions if (row := known.get((link, job, tool)))])
        ]
        if groups:
            at = _panel(parts, panel, groups, at)
    size = f'width="{WIDTH}" height="{at}" viewBox="0 0 {WIDTH} {at}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="File jobs of devsession and other tools">'
    return "\n".join([head, f"<style>{STYLE}</style>", _box(0, 0, WIDTH, at, "#fff"), *parts, "</svg>", ""])


def _legend(parts: list[str], versions: dict[str, str]) -> int:
    for number, (tool, version) in enumerate(versions.items()):
        x = MARGIN + number * 190
        parts.append(_box(x, MARGIN, BAR, BAR, COLOURS[tool]))
        parts.append(_text(x + BAR + 6, MARGIN + 11, f"{tool} {version}"))
    return MARGIN + BAR


def _panel(parts: list[str], panel: Panel, groups: list[tuple[str, list[dict]]], at: int) -> int:
    parts.append(_text(MARGIN, at + TITLE, panel.title, "title"))
    top = at = at + TITLE + GAP
    most = max((row[panel.figure] for _, found in groups for row in found if row["runs"]), default=1.0)
    for label, found in groups:
        middle = at + BAR * len(found) // 2
        parts.append(_text(LEFT - 10, middle + 4, label, anchor="end"))
        for row in found:
            _bar(parts, panel, row, most, at)
            at += BAR
        at += GAP
    parts.append(f'<line class="axis" x1="{LEFT}" y1="{top - 4}" x2="{LEFT}" y2="{at - GAP + 4}"/>')
    return at


def _bar(parts: list[str], panel: Panel, row: dict, most: float, at: int) -> None:
    if not row["runs"]:
        said = "failed" if row["note"].startswith("failed") else row["note"]
        parts.append(_text(LEFT + 6, at + 10, f"{row['tool']}: {said}", "quiet"))
        return
    value = row[panel.figure]
    length = max(1.0, _share(value, most, log=panel.log) * (WIDTH - LEFT - RIGHT))
    said = format(value, panel.form)
    parts.append(_box(LEFT, at, length, BAR - 2, COLOURS[row["tool"]], title=f"{row['tool']}: {said}"))
    parts.append(_text(LEFT + length + 5, at + 10, said))


def _share(value: float, most: float, *, log: bool) -> float:
    if not log:
        return value / most
    # One is a short bar, and what is below it still to be seen.
    return max(0.0, math.log10(max(value, 1.0)) + 0.2) / (math.log10(max(most, 1.0)) + 0.2)


def _box(x: float, y: float, width: float, height: float, colour: str, *, title: str = "") -> str:
    inside = f"<title>{escape(title)}</title>" if title else ""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:.1f}" height="{height:g}" fill="{colour}">{inside}</rect>'
    )


def _text(x: float, y: float, text: str, kind: str = "", *, anchor: str = "start") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:g}" text-anchor="{anchor}"{named}>{escape(text)}</text>'
