"""From what a caller gives a pool to the provider of its boards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from devsession.errors import UsageError
from devsession.pool.provider import BoardOffer, Provider

ATTACHED = "local:"
Source = Provider | str | BoardOffer | Iterable[str | BoardOffer]


def provider_of(given: Source) -> Provider:
    """Return the provider that is meant: a provider as it is, ``sim:`` for simulated boards that are made, ``local:`` for what is attached.

    ``labgrid:TAG=VALUE,…`` is for the boards of a farm. Any other URL, or a list of them, is those boards. Raises UsageError for what is
    none of these.
    """
    if hasattr(given, "discover"):
        return cast("Provider", given)
    if isinstance(given, str):
        return _named(given)
    from devsession.pool.local import LocalBoards

    if isinstance(given, BoardOffer):
        return LocalBoards([given])
    if not isinstance(given, Iterable) or not (boards := list(given)):
        raise UsageError(
            f"{given!r} names no boards", hint="a board's URL, a list of URLs, 'sim:', 'local:' or a Provider"
        )
    return LocalBoards(boards)


def _named(url: str) -> Provider:
    from devsession.pool.local import LocalBoards

    if url == ATTACHED:
        return LocalBoards()
    if url.startswith("sim:"):
        from devsession.pool.simulated import SimulatedBoards
        from devsession.simulator.url import SimUrl

        wanted = SimUrl.parse(url)
        if wanted.name is None and wanted.root is None:
            return SimulatedBoards(url)
    if url.startswith("labgrid:"):
        from devsession.pool.labgrid.provider import LabgridBoards

        return LabgridBoards(url)
    return LocalBoards([url])
