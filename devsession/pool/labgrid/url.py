"""The URL of a farm: where its coordinator is, and which of its boards are meant."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from devsession.errors import UsageError

SCHEME = "labgrid:"
# Where labgrid's own commands look, too.
COORDINATOR = "127.0.0.1:20408"
_FORM = "labgrid:TAG=VALUE,TAG=VALUE or labgrid://HOST:PORT/TAG=VALUE,TAG=VALUE; name=PLACE is one place"
_TAG = re.compile(r"[a-z][a-z0-9_-]+=[^,/]+")


@dataclass(frozen=True, slots=True)
class FarmUrl:
    """A URL taken apart: ``coordinator`` is HOST:PORT, ``tags`` what a place has to have; of one place ``name`` is a tag, too."""

    coordinator: str
    tags: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, url: str) -> FarmUrl:
        """Read a URL; without a coordinator it is that of the environment's LG_COORDINATOR. Raises UsageError."""
        rest = url.removeprefix(SCHEME)
        coordinator = os.environ.get("LG_COORDINATOR") or COORDINATOR
        if rest.startswith("//"):
            coordinator, _, rest = rest[2:].partition("/")
        host, colon, port = coordinator.rpartition(":")
        if not url.startswith(SCHEME) or not host or not colon or not port.isdecimal():
            raise UsageError(f"{url!r} names no farm", hint=_FORM)
        words = [word for word in rest.split(",") if word]
        for word in words:
            if not _TAG.fullmatch(word):
                raise UsageError(f"{word!r} is no tag of labgrid's", hint=_FORM)
        return cls(coordinator, tuple(sorted(tuple(word.split("=", 1)) for word in words)))  # type: ignore[misc]

    def of_place(self, place: str) -> str:
        """Return the URL of one place."""
        return f"{SCHEME}//{self.coordinator}/name={place}"
