"""What does not change of a board while its firmware is the same, kept on disk; and how it is used."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from platformdirs import user_cache_path
from pydantic import BaseModel, ConfigDict

from devsession.board.board import Board
from devsession.board.connection import EXEC_TIMEOUT
from devsession.board.log import log
from devsession.session.capabilities import NOT_ASKED, Change, DeviceCapabilities
from devsession.session.probe import ask_facts, both_programs, identify, probe
from devsession.session.report import Fingerprint

# What a program, a card or the host's own access may change from one moment to the next: it is asked for each time.
_CHANGING = ("frequency", "file_systems", "read_only")
_NOT_KEPT = {"heap_free", "performance", *_CHANGING}


class _Entry(BaseModel):
    """A file of the cache."""

    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = 1
    asked: str
    identity: str
    firmware: tuple[str, ...]
    capabilities: DeviceCapabilities


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a board was found to be, and what of it is not what it was."""

    capabilities: DeviceCapabilities
    changes: tuple[Change, ...]


class CapabilityCache:
    """Keeps the facts of boards in ``directory`` (default: the user's cache), one small file a board.

    A file that is damaged or no entry of this cache is ignored, and so is a directory that cannot be written.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory or user_cache_path("devsession") / "capabilities"

    def load(self, identity: str, fingerprint: Fingerprint) -> DeviceCapabilities | None:
        """Return what is kept of the board of that identity, ``None`` when there is nothing or it has another firmware now."""
        try:
            entry = _Entry.model_validate_json(self._path(identity).read_bytes())
        except (OSError, ValueError):
            return None
        same = (entry.identity, entry.firmware, entry.asked) == (identity, _firmware(fingerprint), _asked())
        return entry.capabilities if same else None

    def store(self, capabilities: DeviceCapabilities) -> None:
        """Keep the facts of a board, in one step: no reader sees half of them.

        Not kept is firmware that does not tell its build, a board that is met only once, and what a full memory did not let a board tell.
        """
        firmware = _firmware(capabilities)
        if firmware is None or _is_passing(capabilities.board) or _ran_short(capabilities):
            return
        unknown = {name: why for name, why in capabilities.unknown.items() if name not in _NOT_KEPT}
        settled = capabilities.model_copy(update={**dict.fromkeys(_NOT_KEPT), "unknown": unknown})
        entry = _Entry(
            asked=_asked(), identity=capabilities.identity, firmware=firmware, capabilities=settled
        )
        path = self._path(capabilities.identity)
        part = path.with_suffix(f".{os.getpid()}-{secrets.token_hex(4)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(entry.model_dump_json(), encoding="utf-8")
            part.replace(path)
        except OSError as error:
            log.event("capabilities not kept", board=capabilities.board, why=str(error))
            with contextlib.suppress(OSError):
                part.unlink()

    def _path(self, identity: str) -> Path:
        return self._directory / f"{hashlib.sha256(identity.encode()).hexdigest()[:32]}.json"


async def recall(
    board: Board, *, cache: CapabilityCache | None = None, timeout: float = EXEC_TIMEOUT
) -> DeviceCapabilities:
    """Return what is kept of a board, after one small exec that shows that it is the same one with the same firmware; else ask it.

    Of a board that was known, its frequency and file systems are unknown: ``refresh`` asks for them. A board that was not known takes two
    execs, and is kept. Raises as ``probe``.
    """
    cache = cache or CapabilityCache()
    fingerprint = await identify(board, timeout=timeout)
    kept = cache.load(board.identity, fingerprint)
    if kept is None:
        capabilities = await ask_facts(board, fingerprint, timeout=timeout)
        cache.store(capabilities)
        return capabilities
    return kept.model_copy(
        update={
            "board": board.url,
            "heap_free": fingerprint.heap_free,
            "heap_total": fingerprint.heap_total,
            "unknown": {**kept.unknown, **dict.fromkeys(_CHANGING, NOT_ASKED)},
        }
    )


async def refresh(
    board: Board,
    known: DeviceCapabilities,
    *,
    cache: CapabilityCache | None = None,
    free_heap: int | None = None,
    timeout: float = EXEC_TIMEOUT,
) -> Refreshed:
    """Ask a board anew, keep what it says, and return that with what differs from ``known``. Arguments and errors as for ``probe``."""
    found = await probe(board, free_heap=free_heap, timeout=timeout)
    (cache or CapabilityCache()).store(found)
    return Refreshed(found.model_copy(update={"performance": known.performance}), known.changes(found))


def _firmware(told: Fingerprint | DeviceCapabilities) -> tuple[str, ...] | None:
    """Return what kept facts depend on, ``None`` where the firmware does not tell its builds apart: up to MicroPython 1.18."""
    if " on " not in told.sys_version:
        return None
    return (told.implementation, told.platform, told.sys_version, told.unique_id or "")


def _asked() -> str:
    """Return what stands for the questions of this version: answers to others are not all there."""
    return hashlib.sha256(both_programs().encode()).hexdigest()[:16]


def _ran_short(capabilities: DeviceCapabilities) -> bool:
    return any(why.startswith("MemoryError") for why in capabilities.unknown.values())


def _is_passing(url: str) -> bool:
    """Whether a board is met only once: made for one connection, or played."""
    if not url.startswith("sim:"):
        return url.startswith("replay:")
    from devsession.simulator.url import SimUrl

    wanted = SimUrl.parse(url)
    return wanted.name is None and wanted.root is None
