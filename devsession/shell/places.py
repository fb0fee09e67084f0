"""What the shell's boards are called, and where it keeps its history and its sessions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from platformdirs import user_state_path

from devsession.coordinator.limits import made_up_name
from devsession.coordinator.store import is_taken
from devsession.errors import UsageError

_NAMED = re.compile(r"([A-Za-z0-9_-]{1,20})=(.+)")
# What of a URL names no board: the scheme before a name, the directories before a port.
_BEFORE = re.compile(r"^(?:[a-z0-9+]+:(?://)?(?=[^?])|.*/)")


def boards_by_name(named: Iterable[str]) -> dict[str, str]:
    """Return URLs by the names of their boards: those given as NAME=URL, or made of the URL. Raises UsageError for a name given twice."""
    boards: dict[str, str] = {}
    for text in named:
        given = _NAMED.fullmatch(text)
        name, url = given.groups() if given else (_made_up(text, boards), text)
        if name in boards:
            raise UsageError(f"two boards are called {name}", hint="-b NAME=URL")
        boards[name] = url
    return boards


def shells_path() -> Path:
    """Return the directory in which shells keep their sessions, each in a file of its own."""
    return user_state_path("devsession") / "shells"


def store_path() -> Path:
    """Return the first file that no other shell has."""
    number = 1
    while is_taken(path := shells_path() / f"{number}.sqlite3"):
        number += 1
    return path


def history_path() -> Path:
    """Return the file of what was typed."""
    return user_state_path("devsession") / "history"


def _made_up(url: str, taken: Iterable[str]) -> str:
    plain = url.partition("?")[0]
    return made_up_name((_BEFORE.sub("", plain, count=1) or plain,), taken)
