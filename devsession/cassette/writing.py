"""The file of a cassette that is being recorded: begun once by a process, added to by each of its links, every line on its way at once."""

from __future__ import annotations

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
    """A cassette that this process has begun: when, and how many links it has."""

    time: float
    links: int = 0


_begun: dict[Path, _Begun] = {}


class CassetteFile:
    """The cassette at ``path``, opened for one link; ``masked`` masks a text, ``board`` and ``identity`` go into the header.

    Raises CassetteFormatError for a file that cannot be written, or is there and is no cassette.
    """

    def __init__(self, path: Path, masked: Callable[[str], str], board: str, identity: str) -> None:
        self._path = path
        begun = _begun.get(path)
        if begun is None and path.exists() and path.stat().st_size and not tape.is_cassette(path):
            raise CassetteFormatError(
                f"{path} is there and is no cassette: it is not overwritten", path=path, phase="open"
            )
        try:
            if begun is None:
                path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered: a line is with the system when it is written, and whole among those of other links.
            self._file: FileIO = path.open("wb" if begun is None else "ab", buffering=0)
        except OSError as error:
            raise CassetteFormatError(
                f"the cassette {path} cannot be written: {error.strerror}", path=path, phase="open"
            ) from error
        self.failure: CassetteFormatError | None = None
        if begun is None:
            begun = _begun[path] = _Begun(time.monotonic())
            header = {
                "cassette": tape.VERSION,
                "devsession": metadata.version("devsession"),
                "board": masked(board),
                "identity": masked(identity),
                "date": datetime.now().astimezone().isoformat(timespec="seconds"),
            }
            self.write(tape.to_line(header))
        self._cassette = begun

    @property
    def closed(self) -> bool:
        """Whether the link has ended."""
        return self._file.closed

    @property
    def now(self) -> float:
        """Seconds since the cassette was begun."""
        return time.monotonic() - self._cassette.time

    def next_link(self) -> int:
        """Return the number of a link that has been opened."""
        self._cassette.links += 1
        return self._cassette.links

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
        """Close the file."""
        self._file.close()
