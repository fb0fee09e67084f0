"""What a test asks of its boards, from its markers."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import pytest

from devsession.pool.requirement import are_words

# More boards than any test has at hand.
MOST = 100
_KNOWN = {"requires", "firmware", "count", "roles"}


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a test asks for: ``places`` has what each board has to have, ``roles`` their names, where they have any."""

    places: tuple[tuple[str, ...], ...] = ((),)
    roles: tuple[str, ...] = ()
    firmware: str = ""
    only: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether every board will do, whatever it has."""
        return not any(self.places) and not self.firmware


# One object for equal requirements: pytest keeps a fixture while its parameter is the same object.
@functools.cache
def _interned(requirement: Requirement) -> Requirement:
    return requirement


PLAIN = _interned(Requirement())


def requirement_of(node: pytest.Item) -> Requirement:
    """Return what the markers of a test, its class and its module ask for together; raises pytest.UsageError for what cannot be.

    Features add up; of firmware all conditions hold; for ``count`` and ``roles`` the closest marker counts.
    """
    marks = list(node.iter_markers("devsession"))
    for mark in marks:
        _check(mark, node.nodeid)
    requires = tuple(sorted({each for mark in marks for each in _words(mark.kwargs.get("requires", ()))}))
    roles: dict[str, Any] = next((mark.kwargs["roles"] for mark in marks if "roles" in mark.kwargs), {})
    count: int = next((mark.kwargs["count"] for mark in marks if "count" in mark.kwargs), 1)
    wanted = [*map(_words, roles.values())] if roles else [()] * count
    return _interned(
        Requirement(
            places=tuple(tuple(sorted({*requires, *each})) for each in wanted),
            roles=tuple(roles),
            firmware=",".join(text for mark in marks if (text := mark.kwargs.get("firmware", ""))),
            only=_only(node),
        )
    )


def _only(node: pytest.Item) -> str:
    real, simulated = (node.get_closest_marker(f"devsession_{kind}") for kind in ("real", "sim"))
    if real and simulated:
        raise pytest.UsageError(f"{node.nodeid}: is for real boards only, and for simulated ones only")
    return "real" if real else "sim" if simulated else ""


def _check(mark: pytest.Mark, where: str) -> None:
    unknown = ", ".join(mark.kwargs.keys() - _KNOWN)
    if mark.args or unknown:
        raise pytest.UsageError(
            f"{where}: the marker devsession takes {', '.join(sorted(_KNOWN))} by name, not {unknown or mark.args}"
        )
    for given in (mark.kwargs.get("requires", ()), *_values(mark.kwargs.get("roles", {}))):
        if not are_words(given):
            raise pytest.UsageError(f"{where}: features are words, or a list of them, not {given!r}")
    if not isinstance(mark.kwargs.get("firmware", ""), str):
        raise pytest.UsageError(
            f"{where}: firmware is text such as '>=1.24', not {mark.kwargs['firmware']!r}"
        )
    count, roles = mark.kwargs.get("count", 1), mark.kwargs.get("roles", {})
    if (
        not isinstance(count, int)
        or not 1 <= count <= MOST
        or not isinstance(roles, dict)
        or (roles and "count" in mark.kwargs)
    ):
        raise pytest.UsageError(
            f"{where}: count is a number from 1 to {MOST}, roles a dict, and only one of them is given"
        )


def _values(roles: Any) -> list[Any]:
    return list(roles.values()) if isinstance(roles, dict) else []


def _words(given: Any) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
