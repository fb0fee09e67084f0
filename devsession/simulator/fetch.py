"""Stub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def fetched(cache: Path) -> tuple[str, ...] | None:
    return None


def is_possible() -> bool:
    return False


async def fetch(cache: Path, progress: Callable[[str], None]) -> tuple[str, ...]:
    raise NotImplementedError
