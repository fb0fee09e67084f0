"""What a broken transfer may have left on a board: kept on disk until it was removed there.

A transfer that ends with an error, or by Ctrl-C, removes what it made; a board that was reset meanwhile, or lost its power, cannot.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path

from platformdirs import user_cache_path

from devsession.session.files import paths

# More were never under way at once; what is forgotten is overwritten by the next transfer to the same place.
MOST = 100


class Leftovers:
    """The names of one board, which is known by its identity; a directory that cannot be written keeps nothing."""

    def __init__(self, identity: str, directory: Path | None = None) -> None:
        name = hashlib.sha256(identity.encode()).hexdigest()[:32]
        self._file = (directory or user_cache_path("devsession") / "leftovers") / f"{name}.json"

    def note(self, beside: list[str]) -> None:
        """Remember names that may be there."""
        noted = [*self._read(), *beside][-MOST:]
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(json.dumps(noted), encoding="utf-8")

    def take(self) -> list[str]:
        """Return the names that may be there, and remember them no longer."""
        noted = self._read()
        with contextlib.suppress(OSError):
            self._file.unlink()
        return noted

    def _read(self) -> list[str]:
        try:
            noted = json.loads(self._file.read_bytes())
        except (OSError, ValueError):
            return []
        found = noted if isinstance(noted, list) else []
        return [path for path in found if isinstance(path, str) and paths.is_beside(path)]
