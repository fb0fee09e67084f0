"""The URLs of simulated boards: ``sim:[NAME|KIND][?kind=KIND][&heap=SIZE][&root=PATH][&repl=own|native][&drive=on|off][&language=en]``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast
from urllib.parse import parse_qsl

from devsession.errors import UsageError

SCHEME = "sim:"
# A name becomes a file name and stands in URLs, so it is kept plain; those of the kinds of boards are taken.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
UNIX = "unix"
CIRCUITPYTHON = "circuitpython"
KINDS = ("unix", "microbit", "mps2", "circuitpython")
LANGUAGES = ("en", "de", "es", "fr")
# Which options a kind of board has; an emulated one has none.
OPTIONS = {
    UNIX: frozenset({"heap", "root", "repl"}),
    CIRCUITPYTHON: frozenset({"heap", "root", "drive", "language"}),
}
ALL_OPTIONS = frozenset({"kind"}).union(*OPTIONS.values())
SIZE = re.compile(r"(\d{1,12})([kKmM]?)")
UNITS = {"": 1, "k": 1024, "m": 1024 * 1024}
# Below this the console itself does not fit beside a small program.
LEAST_HEAP = 64 * 1024
HINT = "sim:, sim:NAME, sim:microbit, sim:mps2, sim:circuitpython, sim:?heap=256k&root=DIR&repl=native"

Repl = Literal["own", "native"]


@dataclass(frozen=True, slots=True)
class SimUrl:
    """A simulated board as its URL asks for it.

    ``name`` of a board that somebody serves, ``None`` for a private one; ``heap`` in bytes, ``None`` for the port's own 2 MiB;
    ``root`` the directory that is its ``/``, ``None`` for one thrown away at the end; ``repl`` who answers at the prompt: devsession's
    program (``"own"``) or the port itself (``"native"``, MicroPython 1.27 and later). ``kind`` is the unix port, which those options are
    for, or another board: ``sim:microbit`` is ``sim:?kind=microbit``, and ``sim:NAME?kind=microbit`` is how a named one is served.
    ``drive`` and ``language`` are for the kind circuitpython, as are heap and root: whether the host has the board's files as a drive, so
    that programs cannot write, and in which language the board speaks.
    """

    name: str | None = None
    heap: int | None = None
    root: Path | None = None
    repl: Repl = "own"
    kind: str = UNIX
    drive: bool = True
    language: str = "en"

    @classmethod
    def parse(cls, url: str) -> SimUrl:
        """Read a URL; raises UsageError naming the part that cannot be."""
        if not url.startswith(SCHEME):
            raise UsageError(f"{url!r} is not the URL of a simulated board", hint=HINT)
        name, _, query = url.removeprefix(SCHEME).partition("?")
        if name and not NAME.fullmatch(name):
            raise UsageError(f"{name!r} cannot be the name of a simulated board", board=url, hint=HINT)
        options = _options(query, url)
        return cls(
            name=None if name in KINDS[1:] else name or None,
            kind=_kind(name, options, url),
            heap=_heap(options["heap"], url) if "heap" in options else None,
            root=_root(options["root"], url) if "root" in options else None,
            repl=_repl(options["repl"], url) if "repl" in options else "own",
            drive=_one_of("drive", ("on", "off"), options, url) == "on",
            language=_one_of("language", LANGUAGES, options, url),
        )


def _options(query: str, url: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in ALL_OPTIONS or key in options:
            raise UsageError(f"option {key!r} is unknown or given twice", board=url, hint=HINT)
        options[key] = value
    return options


def _kind(name: str, options: dict[str, str], url: str) -> str:
    named = name if name in KINDS[1:] else UNIX
    kind = options.get("kind", named)
    if kind not in KINDS or named not in {UNIX, kind}:
        raise UsageError(f"kind={kind} is none of {', '.join(KINDS)}", board=url, hint=HINT)
    if given := options.keys() - {"kind"} - OPTIONS.get(kind, frozenset()):
        raise UsageError(
            f"a board of the kind {kind} has no {', '.join(sorted(given))} to choose", board=url, hint=HINT
        )
    return kind


def _one_of(key: str, known: tuple[str, ...], options: dict[str, str], url: str) -> str:
    value = options.get(key, known[0])
    if value not in known:
        raise UsageError(f"{key}={value} is none of {', '.join(known)}", board=url)
    return value


def _heap(text: str, url: str) -> int:
    match = SIZE.fullmatch(text)
    size = int(match[1]) * UNITS[match[2].lower()] if match else 0
    if size < LEAST_HEAP:
        raise UsageError(
            f"heap={text} is no size of at least {LEAST_HEAP // 1024}k", board=url, hint="heap=256k"
        )
    return size


def _root(text: str, url: str) -> Path:
    root = Path(text).expanduser().resolve() if text else Path("/")
    if root == Path("/"):
        raise UsageError(
            "root has to be a directory other than / itself", board=url, hint="root=./board-files"
        )
    return root


def _repl(text: str, url: str) -> Repl:
    if text not in {"own", "native"}:
        raise UsageError(f"repl={text} is neither own nor native", board=url)
    return cast("Repl", text)
