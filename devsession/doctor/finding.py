"""What an examination finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How bad it is: nothing to do, worth knowing, will cause trouble, does not work."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"

    @property
    def is_healthy(self) -> bool:
        """Whether nothing needs to be done."""
        return self in {Level.OK, Level.NOTE}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing examined: which ``check``, how bad (``level``), what was ``seen``, and its ``cure``, where there is one."""

    check: str
    level: Level
    seen: str
    cure: str | None = None
