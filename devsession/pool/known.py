"""Boards that are named by their URLs: what their locks are keyed by."""

from __future__ import annotations

from collections.abc import Iterable

from devsession.errors import DevsessionError
from devsession.links import link
from devsession.pool.provider import BoardOffer


def known_board(url: str, *, name: str | None = None, tags: Iterable[str] = ()) -> BoardOffer:
    """Return the board that ``url`` names, which nobody opens for that; ``name`` is what people call it (default: the URL).

    A URL such as ``id:SERIAL`` of a board that is not attached is its own identity: opening it says what is missing. Raises UsageError
    for a URL of no known kind.
    """
    return BoardOffer(name or url, url, _identity(url), frozenset(tags))


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
