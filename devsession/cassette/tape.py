r"""The file format of cassettes: JSON lines, one for each thing that happened on a link.

The first line is the header, ``{"cassette": 1, ...}``. Every other line has ``t``, seconds since the cassette was begun, ``link`` when it
is not the first link, and one of

``open``     the link's URL; with ``identity``, ``controlled``, ``burst``, ``resettable``
``to``       bytes to the board; with ``exec``, ``masked`` (pairs of start and size) where there are any
``from``     bytes from the board; with ``exec`` where there is one
``random``   two numbers: how many random bits were drawn, and which
``reset``    true: the board was reset by means of the link
``lost``     why the link ended by itself
``closed``   true: it was closed on this side

Bytes are written as the text that they are in UTF-8; a byte that is none appears as ``\udc80`` to ``\udcff``, what is not printable as an
escape of JSON. Every sequence of bytes has one form and comes back from it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from devsession.errors import CassetteFormatError

# A reader takes this version and the older ones; an older devsession refuses what it does not know.
VERSION = 1
_SPECIAL = re.compile(r"[^\x20-\x7e]")

_T = TypeVar("_T")


def to_text(data: bytes) -> str:
    """Return bytes as the text that stands for them."""
    return data.decode("utf-8", "surrogateescape")


def to_bytes(text: str) -> bytes:
    """Return the bytes that a text stands for; raises UnicodeEncodeError for one that stands for none."""
    return text.encode("utf-8", "surrogateescape")


def to_line(fields: dict[str, Any]) -> str:
    """Return one line of a cassette, its end included."""
    line = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return _SPECIAL.sub(_escape, line) + "\n"


def _escape(match: re.Match[str]) -> str:
    return match[0] if match[0].isprintable() else json.dumps(match[0])[1:-1]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a cassette: its number in the file, counted from 1, when it happened, what it is, and the other fields."""

    line: int
    time: float
    kind: str
    value: Any
    fields: dict[str, Any]

    @property
    def data(self) -> bytes:
        """The bytes that passed."""
        return to_bytes(self.value)


@dataclass(slots=True)
class Link:
    """One link of a cassette, from its ``open`` to its end."""

    opened: Entry
    entries: list[Entry] = field(default_factory=list)


@dataclass(slots=True)
class Cassette:
    """A cassette that was read: ``header``, ``links`` in the order in which they were opened, ``cut`` where its last line is not whole."""

    path: Path
    header: dict[str, Any]
    links: list[Link]
    cut: bool


# What each kind of line holds, and which further fields of which types it must have.
_KINDS: dict[str, tuple[type, dict[str, type]]] = {
    "open": (str, {"identity": str, "controlled": bool, "burst": int, "resettable": bool}),
    "to": (str, {}),
    "from": (str, {}),
    "random": (list, {}),
    "reset": (bool, {}),
    "lost": (str, {}),
    "closed": (bool, {}),
}


def read(path: Path) -> Cassette:
    """Read a cassette; raises CassetteFormatError for a file that is none, is damaged, or has a newer format.

    A last line that was not written to its end is left out: whoever recorded it died in that moment.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise CassetteFormatError(
            f"the cassette {path} cannot be read: {error.strerror}", path=path, phase="open"
        ) from error
    rest = lines.pop()
    if not lines:
        raise CassetteFormatError(f"{path} is no cassette: it has no whole line", path=path, phase="open")
    header = _header(lines[0], path)
    cassette = Cassette(path, header, [], cut=bool(rest))
    for number, line in enumerate(lines[1:], 2):
        entry, link = _entry(line, number, path)
        if entry.kind == "open":
            cassette.links.append(Link(entry))
        elif 0 < link <= len(cassette.links):
            cassette.links[link - 1].entries.append(entry)
        else:
            raise _damaged(path, number, f"link {link} was not opened")
    return cassette


def is_cassette(path: Path) -> bool:
    """Whether there is a cassette of any version at ``path``."""
    try:
        with path.open("rb") as file:
            return file.readline(64).startswith(b'{"cassette":')
    except OSError:
        return False


def _header(line: bytes, path: Path) -> dict[str, Any]:
    header = _parse(line, 1, path) if line.startswith(b"{") else {}
    version = header.get("cassette")
    if not isinstance(version, int):
        raise CassetteFormatError(
            f"{path} is no cassette: its first line says nothing of one", path=path, line=1, phase="open"
        )
    if version > VERSION:
        raise CassetteFormatError(
            f"{path} has format {version}, written by devsession {header.get('devsession')}; this one reads up to {VERSION}",
            path=path,
            line=1,
            phase="open",
            hint="upgrade devsession, or record it again",
        )
    return header


def _parse(line: bytes, number: int, path: Path) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except ValueError as error:
        raise _damaged(path, number, str(error)) from error
    if not isinstance(fields, dict):
        raise _damaged(path, number, "no object")
    return fields


def _entry(line: bytes, number: int, path: Path) -> tuple[Entry, int]:
    fields = _parse(line, number, path)
    kind = next((kind for kind in _KINDS if kind in fields), None)
    if kind is None:
        raise _damaged(path, number, "it says nothing known")
    shape, others = _KINDS[kind]
    value: Any = _typed(fields.pop(kind), shape, kind, number, path)
    for name, other in others.items():
        _typed(fields.get(name), other, name, number, path)
    if kind == "random" and not (len(value) == 2 and all(isinstance(part, int) for part in value)):
        raise _damaged(path, number, "random is no pair of numbers")
    if kind in {"to", "from"}:
        try:
            size = len(to_bytes(value))
        except UnicodeEncodeError as error:
            raise _damaged(path, number, str(error)) from error
        if not _are_ranges(fields.get("masked", []), size):
            raise _damaged(path, number, "masked is no list of places in it")
    time = float(_typed(fields.pop("t", None), (int, float), "t", number, path))
    return Entry(number, time, kind, value, fields), _typed(fields.pop("link", 1), int, "link", number, path)


def _are_ranges(value: Any, size: int) -> bool:
    return isinstance(value, list) and all(
        isinstance(pair, list)
        and len(pair) == 2
        and all(isinstance(part, int) and part >= 0 for part in pair)
        and sum(pair) <= size
        for pair in value
    )


def _typed(value: Any, kind: type[_T] | tuple[type, ...], name: str, number: int, path: Path) -> _T:
    if not isinstance(value, kind):
        raise _damaged(path, number, f"{name} is {value!r}")
    return value  # type: ignore[return-value]


def _damaged(path: Path, number: int, why: str) -> CassetteFormatError:
    return CassetteFormatError(
        f"{path} is damaged in line {number}: {why}",
        path=path,
        line=number,
        phase="open",
        hint="record it again",
    )
