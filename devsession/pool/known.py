"""A board that may be given out: its name, its URL, and what its lock is keyed by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from devsession.errors import DevsessionError
from devsession.links import link


@dataclass(frozen=True, slots=True)
class KnownBoard:
    """A board that may be given out.

    ``identity`` is what its lock is keyed by, ``None`` for one that every opener has for himself: a private simulated board, a cassette.
    ``tags`` are what its owner says it has, beside what the board tells.
    """

    name: str
    url: str
    identity: str | None
    tags: frozenset[str] = frozenset()

    @property
    def is_simulated(self) -> bool:
        """Whether no hardware answers there."""
        return self.url.startswith(("sim:", "replay:"))


def known_board(url: str, *, name: str | None = None, tags: Iterable[str] = ()) -> KnownBoard:
    """Return the board that ``url`` names, which nobody opens for that; ``name`` is what people call it (default: the URL).

    A URL such as ``id:SERIAL`` of a board that is not attached is its own identity: opening it says what is missing. Raises UsageError
    for a URL of no known kind.
    """
    return KnownBoard(name or url, url, _identity(url), frozenset(tags))


def _identity(url: str) -> str | None:
    if url.startswith("replay:"):
        return None
    if url.startswith("sim:"):
        from devsession.simulator.url import SimUrl

        wanted = SimUrl.parse(url)
        if wanted.name is not None:
            return f"sim:{wanted.name}"
        return None if wanted.root is None else f"sim:{wanted.root}"
    try:
        return link(url).identity
    except ValueError:
        raise
    except DevsessionError:
        return url
