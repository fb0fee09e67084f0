"""A cassette as people read it: one paragraph for each thing that happened."""

from __future__ import annotations

from collections.abc import Iterator

from devsession.cassette import difference, tape
from devsession.cassette.tape import Cassette, Entry

_MARGIN = " " * 15


def transcript(cassette: Cassette) -> Iterator[str]:
    """Yield the lines of a readable transcript; they hold whatever the board printed, control characters as escapes."""
    header = cassette.header
    yield (
        f"{cassette.path.name}: {header.get('board')} ({header.get('identity')}), "
        f"recorded {header.get('date')} by devsession {header.get('devsession')}"
    )
    for number, link in enumerate(cassette.links, 1):
        opened = link.opened
        yield f"{opened.time:10.4f}    link {number}: {opened.value} ({opened.fields['identity']})"
        for entry in link.entries:
            yield from _entry(entry)
    if cassette.cut:
        yield "the last line is not whole: the recording ended in its middle"


def _entry(entry: Entry) -> Iterator[str]:
    match entry.kind:
        case "to":
            yield from _written(entry)
        case "from":
            yield from _paragraph(entry, "<", _lines(entry.data))
        case "random":
            yield f"{entry.time:10.4f}    {entry.value[0]} random bits: {entry.value[1]}"
        case "reset":
            yield f"{entry.time:10.4f} >  a reset by the link"
        case "lost":
            yield f"{entry.time:10.4f}    {entry.value}"
        case _:
            yield f"{entry.time:10.4f}    closed"


def _written(entry: Entry) -> Iterator[str]:
    data = entry.data
    program = difference.program_of(data)
    if program is None:
        named = difference.name(data)
        yield from _paragraph(entry, ">", [named] if len(data) < len(named) else _lines(data))
        return
    helper = ", with the helper" if data.startswith(difference.HELPER_BEGINS) else ""
    yield f"{entry.time:10.4f} >  exec {entry.fields.get('exec')}{helper}"
    for line in program.split("\n"):
        yield _MARGIN + line


def _lines(data: bytes) -> list[str]:
    text = tape.to_text(data).replace("\r\n", "\n")
    return [
        "".join(char if char.isprintable() else ascii(char)[1:-1] for char in line)
        for line in text.removesuffix("\n").split("\n")
    ]


def _paragraph(entry: Entry, mark: str, lines: list[str]) -> Iterator[str]:
    yield f"{entry.time:10.4f} {mark}  {lines[0]}"
    for line in lines[1:]:
        yield _MARGIN + line
