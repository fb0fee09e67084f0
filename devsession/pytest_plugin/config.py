"""Which boards a test run has, and how they are shared and recovered."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from devsession.board.switches import Rung
from devsession.errors import DevsessionError, UsageError
from devsession.pool.known import known_board
from devsession.pool.provider import BoardOffer
from devsession.pool.providers import ATTACHED
from devsession.pytest_plugin.options import (
    BOARD,
    INVENTORY,
    LOCKS,
    MODE,
    RECOVERY,
    STRICT,
    given,
    given_several,
    is_given,
    seconds,
)
from devsession.pytest_plugin.sources import named, there

_KEYS = {"url", "tags"}


@dataclass(frozen=True, slots=True)
class DevsessionConfig:
    """What the fixture ``devsession_config`` gives.

    ``mode`` is ``auto``, ``real``, ``sim`` or ``off``; ``boards`` are those that tests may have, and where more
    of them come from (``local:``, ``labgrid:TAG=VALUE``); ``acquire_timeout`` is in seconds;
    ``recovery`` is how far bringing back a board may go; ``strict`` makes errors of tests that no board can ever run; ``lock_directory`` is
    where the locks are, ``None`` for the user's runtime directory.
    """

    mode: str = "auto"
    boards: tuple[BoardOffer, ...] = field(default_factory=lambda: (known_board("sim:"),))
    acquire_timeout: float = 120.0
    recovery: Rung = Rung.HARD
    strict: bool = False
    lock_directory: Path | None = None

    def of_kind(self, only: str) -> tuple[BoardOffer, ...]:
        """Return the boards that are there now and that the mode allows, of one kind where ``only`` is ``real`` or ``sim``.

        Raises ProviderError for ports or a farm that cannot be asked.
        """
        kind = only or self.mode
        if self.mode == "off" or (only and self.mode not in {"auto", only}):
            return ()
        allowed = [board for board in self.boards if kind == "auto" or board.is_simulated == (kind == "sim")]
        return there(allowed, self.lock_directory)


def read(config: pytest.Config) -> DevsessionConfig:
    """Return what the options say; without any board those that are attached when a test wants one, and a simulated one.

    Raises pytest.UsageError for what cannot be.
    """
    mode = given(config, MODE)
    locks = given(config, LOCKS)
    timeout = seconds(config)
    try:
        boards = listed(config) or (named(ATTACHED), named("sim:"))
    except DevsessionError as error:
        raise pytest.UsageError(str(error)) from error
    return DevsessionConfig(
        mode=mode,
        boards=boards,
        acquire_timeout=timeout,
        recovery=Rung[given(config, RECOVERY).upper()],
        strict=is_given(config, STRICT),
        lock_directory=Path(locks) if locks else None,
    )


def listed(config: pytest.Config) -> tuple[BoardOffer, ...]:
    """Return the boards that options name, and those of the inventory; raises UsageError."""
    boards = [named(url) for url in given_several(config, BOARD)]
    path = given(config, INVENTORY)
    if path:
        boards += _inventory(config.rootpath / path)
    return tuple(boards)


def _inventory(path: Path) -> list[BoardOffer]:
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    boards = told.pop("boards", None)
    if told or not isinstance(boards, dict) or not boards:
        raise UsageError(f"{path} is no inventory", hint='[boards.NAME] with url = "URL" and tags = ["TAG"]')
    return [_entry(name, entry, path) for name, entry in boards.items()]


def _entry(name: str, entry: Any, path: Path) -> BoardOffer:
    if not isinstance(entry, dict) or not isinstance(entry.get("url"), str) or entry.keys() - _KEYS:
        raise UsageError(f"{path}: board {name} has a url and may have tags, and nothing else")
    tags = entry.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise UsageError(f"{path}: the tags of {name} are no list of words")
    return named(entry["url"], name=name, tags=tags)
