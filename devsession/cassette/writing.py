"""The file of a cassette that is being recorded: begun once by a process, added to by each of its links, every line on its way at once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from io import FileIO
from pathlib import Path

from devsession.cassette import tape
from devsession.errors import CassetteFormatError


@dataclass(slots=True)
class _Begun:
    """A cassette that this process has begun: when, how many links it has, how many files are open for them, whether it is a new file."""

    time: float
    is_new: bool
    links: int = 0
    writers: int = 0


_begun: dict[Path, _Begun] = {}


class CassetteFile:
    """The cassette at ``path``, opened for one link; ``masked`` masks a text, ``board`` and ``identity`` go into the header.

    What is there stays as it is until the first link has opened, ``next_link``. Raises CassetteFormatError for a file that cannot be
    written, or is there and is no cassette.
    """

    def __init__(self, path: Path, masked: Callable[[str], str], board: str, identity: str) -> None:
        self._path = path
        known = _begun.get(path)
        is_begun = known is not None and known.links > 0
        is_new = not path.exists()
        if not is_begun and not is_new and path.stat().st_size and not tape.is_cassette(path):
            raise CassetteFormatError(
                f"{path} is there and is no cassette: it is not overwritten", path=path, phase="open"
            )
        try:
            if not is_begun:
                path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered: a line is with the system when it is written, and whole among those of other links.
            self._file: FileIO = path.open("ab", buffering=0)
        except OSError as error:
            raise CassetteFormatError(
                f"the cassette {path} cannot be written: {error.strerror}", path=path, phase="open"
            ) from error
        self.failure: CassetteFormatError | None = None
        self._header = {
            "cassette": tape.VERSION,
            "devsession": metadata.version("devsession"),
            "board": masked(board),
            "identity": masked(identity),
            "date": datetime.now().astimezone().isoformat(timespec="seconds"),
        }
        self._cassette = _begun.setdefault(path, _Begun(time.monotonic(), is_new))
        self._cassette.writers += 1

    @property
    def closed(self) -> bool:
        """Whether the link has ended."""
        return self._file.closed

    @property
    def now(self) -> float:
        """Seconds since the cassette was begun."""
        return time.monotonic() - self._cassette.time

    def next_link(self) -> int:
        """Begin the cassette, unless it is, and return the number of a link that has been opened."""
        if not self._cassette.links:
            self._begin()
        self._cassette.links += 1
        return self._cassette.links

    def _begin(self) -> None:
        if os.fstat(self._file.fileno()).st_size:
            self._file.truncate(0)
        self.write(tape.to_line(self._header))

    def write(self, line: str) -> None:
        """Write one line, unless the file is closed or failed before; ``failure`` tells of it when it cannot be written."""
        if self._file.closed or self.failure is not None:
            return
        try:
            self._file.write(line.encode())
        except OSError as error:
            self.failure = CassetteFormatError(
                f"the cassette {self._path} cannot be written any more: {error.strerror}", path=self._path
            )

    def close(self) -> None:
        """Close the file; without any link a new one goes again."""
        if self._file.closed:
            return
        self._file.close()
        begun = self._cassette
        begun.writers -= 1
        if begun.writers or begun.links:
            return
        del _begun[self._path]
        if begun.is_new:
            self._path.unlink(missing_ok=True)
