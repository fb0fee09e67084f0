"""Sessions on MicroPython and CircuitPython boards: see README.md for the first steps.

The public names are resolved on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from devsession.errors import DeviceError, DevsessionError

_HOMES = {
    "DeviceError": "devsession.errors",
    "DevsessionError": "devsession.errors",
}

__all__ = ["DeviceError", "DevsessionError"]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'devsession' has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
