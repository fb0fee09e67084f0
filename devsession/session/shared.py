"""Variables that a host keeps for several sessions: from here to the boards, never back."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from devsession.errors import UnknownNameError
from devsession.methods.arguments import encode
from devsession.session.device import checked_name


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All shared variables at one moment: the ``version`` then, and ``values`` by name."""

    version: int
    values: Mapping[str, Any]


class SharedVariables:
    """Values by name that sessions find as variables on their boards; safe from threads and tasks.

    The truth is on the host: each session that uses a name is sent its value before its next program, when it has changed since. What
    a program assigns to the name there stays there. Values are copied as they come and go: changing a list that was given changes nothing.
    """

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self._lock = threading.Lock()
        self._version = 0
        # With the version at which each was set.
        self._values: dict[str, tuple[int, Any]] = {}
        for name, value in (values or {}).items():
            self.set(name, value)

    def __repr__(self) -> str:
        found = self.snapshot()
        return f"<SharedVariables version {found.version}: {', '.join(found.values)}>"

    @property
    def version(self) -> int:
        """How often something was set or removed."""
        return self._version

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of ``name``, ``default`` where there is none."""
        with self._lock:
            found = self._values.get(name)
        return default if found is None else copy.deepcopy(found[1])

    def set(self, name: str, value: Any) -> int:
        """Give ``name`` a value and return the version; raises UsageError for what is no name or no board can be sent."""
        encode(value, name=f"shared {checked_name(name)}")
        value = copy.deepcopy(value)
        with self._lock:
            self._version += 1
            self._values[name] = (self._version, value)
            return self._version

    def remove(self, name: str) -> int:
        """Remove ``name``, on the boards too, and return the version; raises UnknownNameError where there is none."""
        with self._lock:
            if name not in self._values:
                raise UnknownNameError(f"there is no shared variable {name!r}", phase="session")
            del self._values[name]
            self._version += 1
            return self._version

    def snapshot(self) -> Snapshot:
        """Return all values as they are now, at one moment."""
        with self._lock:
            version, values = self._version, dict(self._values)
        return Snapshot(version, {name: copy.deepcopy(value) for name, (_, value) in values.items()})

    def news(
        self, names: Iterable[str], sent: Mapping[str, int]
    ) -> tuple[int, dict[str, int], dict[str, Any]]:
        """Return what a session has to be told: the version, by name the versions of what it has not been ``sent``, and their values.

        A version of 0 is that of a name without a value. The values are not to be changed.
        """
        with self._lock:
            found = {name: self._values.get(name, (0, None)) for name in names}
            version = self._version
        new = {name: at for name, (at, _) in found.items() if sent.get(name, 0) != at}
        return version, new, {name: found[name][1] for name in new}


Widths = tuple[int, int | None]


def statements(versions: Mapping[str, int], values: Mapping[str, Any], widths: Widths) -> list[str]:
    """Return the code that makes a namespace hold the values, and not the names of version 0; raises UsageError.

    ``widths`` are those of the board's floats and integers.
    """
    return [
        f"{name}={_written(name, values, widths)}" if version else _removal(name)
        for name, version in versions.items()
    ]


def expressions(versions: Mapping[str, int], values: Mapping[str, Any], widths: Widths) -> list[str]:
    """Return the same as expressions: a call's keywords become names as an assignment's do."""
    return [
        f"globals().update({name}={_written(name, values, widths)})" if version else _removal(name)
        for name, version in versions.items()
    ]


def _written(name: str, values: Mapping[str, Any], widths: Widths) -> str:
    return encode(values[name], *widths, name=f"shared {name}")


def _removal(name: str) -> str:
    return f"globals().pop({encode(name)},0)"
