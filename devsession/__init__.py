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
    from devsession.doctor.diagnose import diagnose
    from devsession.doctor.finding import Finding, Level
    from devsession.errors import (
        AmbiguousBoardError,
        BoardNotFoundError,
        DeadlineError,
        DeviceError,
        DeviceResetError,
        DevsessionError,
        LinkError,
        LinkLostError,
        PortBusyError,
        PortNotFoundError,
        PortPermissionError,
        RawReplError,
        RecoveryError,
        SimulatorError,
        UncertainExecutionError,
        UnrepresentableValueError,
        UsageError,
    )
    from devsession.links import connect
    from devsession.transport.ports import Port, list_ports
    from devsession.transport.watch import PortAdded, PortEvent, PortRemoved, watch_ports

__all__ = [
    "AmbiguousBoardError",
    "Board",
    "BoardNotFoundError",
    "DeadlineError",
    "DeviceError",
    "DeviceResetError",
    "DevsessionError",
    "Execution",
    "Finding",
    "Level",
    "LinkError",
    "LinkLostError",
    "Port",
    "PortAdded",
    "PortBusyError",
    "PortEvent",
    "PortNotFoundError",
    "PortPermissionError",
    "PortRemoved",
    "RawReplError",
    "RecoveryError",
    "Running",
    "SimulatorError",
    "UncertainExecutionError",
    "UnrepresentableValueError",
    "UsageError",
    "connect",
    "diagnose",
    "list_ports",
    "watch_ports",
]

# Where the names that are no exceptions live.
_HOMES = {
    "Board": "devsession.board.board",
    "Execution": "devsession.board.execution",
    "Running": "devsession.board.running",
    "connect": "devsession.links",
    "diagnose": "devsession.doctor.diagnose",
    "Finding": "devsession.doctor.finding",
    "Level": "devsession.doctor.finding",
    "list_ports": "devsession.transport.ports",
    "watch_ports": "devsession.transport.watch",
    **dict.fromkeys(("PortAdded", "PortEvent", "PortRemoved"), "devsession.transport.watch"),
    "Port": "devsession.transport.ports",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'devsession' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES.get(name, "devsession.errors")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
