"""Names that a board has given to its files, as names of files of this computer."""

from __future__ import annotations

import os
import tempfile
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from devsession.errors import UnsafeNameError
from devsession.session.files import paths

_DEVICES = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{port}{digit}" for port in ("com", "lpt") for digit in "123456789¹²³"
}
_WINDOWS_SPECIAL = set('<>:"\\|?*')


@dataclass(frozen=True, slots=True)
class LocalNames:
    """What the file system of this computer takes for a name: where ``windows`` rules are in force, and where case is no difference."""

    windows: bool
    folds_case: bool

    @classmethod
    def of(cls, folder: Path) -> LocalNames:
        """Find out what holds in ``folder``, which is there: with a file that is gone again at once."""
        with tempfile.NamedTemporaryFile(prefix=f"{paths.BESIDE}case", dir=folder) as file:
            folds = Path(file.name).with_name(Path(file.name).name.upper()).exists()
        return cls(windows=os.name == "nt", folds_case=folds)

    def check(self, inside: Iterable[str], board: str) -> None:
        """Raise UnsafeNameError unless all these paths lead to places of their own in one directory."""
        seen: dict[str, str] = {}
        for path in inside:
            for part in path.split("/"):
                paths.name_from_board(part, board)
                if self.windows and _is_special(part):
                    raise UnsafeNameError(
                        f"the board has {path!a}, which is another place on Windows",
                        board=board,
                        phase="files",
                    )
            folded = unicodedata.normalize("NFC", path).casefold() if self.folds_case else path
            if seen.setdefault(folded, path) != path:
                raise UnsafeNameError(
                    f"the board has {seen[folded]!a} and {path!a}, which are one file on this computer",
                    board=board,
                    phase="files",
                )


def _is_special(name: str) -> bool:
    stem = name.partition(".")[0].rstrip(" ").casefold()
    return (
        stem in _DEVICES
        or name[-1] in ". "
        or any(char in _WINDOWS_SPECIAL or ord(char) < 32 for char in name)
    )
