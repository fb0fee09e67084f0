"""Sessions on MicroPython and CircuitPython boards: see README.md for the first steps.

The public names are resolved on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from devsession.board.board import Board
    from devsession.board.execution import Execution
    from devsession.board.running import Running
    from devsession.errors import (
        AmbiguousBoardError,
        BoardNotFoundError,
        DeadlineError,
        DeviceError,
        DeviceResetError,
        DevsessionError,
        HostNotFoundError,
        HostUnreachableError,
        LinkError,
        LinkLostError,
        NegotiationError,
        PortBusyError,
        PortNotFoundError,
        PortPermissionError,
        PortRefusedError,
        RawReplError,
        RecoveryError,
        SimulatorError,
        UncertainExecutionError,
        UnrepresentableValueError,
        UsageError,
    )
    from devsession.links import connect

__all__ = [
    "AmbiguousBoardError",
    "Board",
    "BoardNotFoundError",
    "DeadlineError",
    "DeviceError",
    "DeviceResetError",
    "DevsessionError",
    "Execution",
    "HostNotFoundError",
    "HostUnreachableError",
    "LinkError",
    "LinkLostError",
    "NegotiationError",
    "PortBusyError",
    "PortNotFoundError",
    "PortPermissionError",
    "PortRefusedError",
    "RawReplError",
    "RecoveryError",
    "Running",
    "SimulatorError",
    "UncertainExecutionError",
    "UnrepresentableValueError",
    "UsageError",
    "connect",
]

# Where the names that are no exceptions live.
_HOMES = {
    "Board": "devsession.board.board",
    "Execution": "devsession.board.execution",
    "Running": "devsession.board.running",
    "connect": "devsession.links",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'devsession' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES.get(name, "devsession.errors")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
