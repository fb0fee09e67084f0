"""Sessions on MicroPython and CircuitPython boards: see README.md for the first steps.

The public names are resolved on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from devsession.board.board import Board
    from devsession.board.execution import Execution
    from devsession.board.expect import Expected
    from devsession.board.resets import Ran, Reset, ResetReport
    from devsession.board.running import Running
    from devsession.board.switches import Rung
    from devsession.cassette.recorder import record
    from devsession.doctor.diagnose import diagnose
    from devsession.doctor.finding import Finding, Level
    from devsession.errors import (
        AmbiguousBoardError,
        BoardNotFoundError,
        BoardSwappedError,
        CassetteEndedError,
        CassetteError,
        CassetteFormatError,
        CassetteMismatchError,
        CassetteUnplayedError,
        DeadlineError,
        DeviceError,
        DeviceResetError,
        DevsessionError,
        EmulatorNotFoundError,
        ExpectError,
        HostNotFoundError,
        HostUnreachableError,
        InterpreterNotFoundError,
        LinkClosedError,
        LinkError,
        LinkLostError,
        NegotiationError,
        PortBusyError,
        PortNotFoundError,
        PortPermissionError,
        PortRefusedError,
        ProtocolError,
        RawReplError,
        RecoveryError,
        SimulatorError,
        UncertainExecutionError,
        UnrepresentableValueError,
        UsageError,
    )
    from devsession.links import connect, link
    from devsession.transport.fault_plan import Fault, FaultKind, FaultPlan
    from devsession.transport.faults import FaultyTransport
    from devsession.transport.pins import Pins, Pulse
    from devsession.transport.ports import Port, list_ports
    from devsession.transport.recording import Direction
    from devsession.transport.watch import PortAdded, PortEvent, PortRemoved, watch_ports

__all__ = [
    "AmbiguousBoardError",
    "Board",
    "BoardNotFoundError",
    "BoardSwappedError",
    "CassetteEndedError",
    "CassetteError",
    "CassetteFormatError",
    "CassetteMismatchError",
    "CassetteUnplayedError",
    "DeadlineError",
    "DeviceError",
    "DeviceResetError",
    "DevsessionError",
    "Direction",
    "EmulatorNotFoundError",
    "Execution",
    "ExpectError",
    "Expected",
    "Fault",
    "FaultKind",
    "FaultPlan",
    "FaultyTransport",
    "Finding",
    "HostNotFoundError",
    "HostUnreachableError",
    "InterpreterNotFoundError",
    "Level",
    "LinkClosedError",
    "LinkError",
    "LinkLostError",
    "NegotiationError",
    "Pins",
    "Port",
    "PortAdded",
    "PortBusyError",
    "PortEvent",
    "PortNotFoundError",
    "PortPermissionError",
    "PortRefusedError",
    "PortRemoved",
    "ProtocolError",
    "Pulse",
    "Ran",
    "RawReplError",
    "RecoveryError",
    "Reset",
    "ResetReport",
    "Rung",
    "Running",
    "SimulatorError",
    "UncertainExecutionError",
    "UnrepresentableValueError",
    "UsageError",
    "connect",
    "diagnose",
    "link",
    "list_ports",
    "record",
    "watch_ports",
]

# Where the names that are no exceptions live.
_HOMES = {
    "Board": "devsession.board.board",
    "Direction": "devsession.transport.recording",
    "Execution": "devsession.board.execution",
    "Expected": "devsession.board.expect",
    "Fault": "devsession.transport.fault_plan",
    "FaultKind": "devsession.transport.fault_plan",
    "FaultPlan": "devsession.transport.fault_plan",
    "FaultyTransport": "devsession.transport.faults",
    "Finding": "devsession.doctor.finding",
    "Level": "devsession.doctor.finding",
    "Pins": "devsession.transport.pins",
    "Port": "devsession.transport.ports",
    "PortAdded": "devsession.transport.watch",
    "PortEvent": "devsession.transport.watch",
    "PortRemoved": "devsession.transport.watch",
    "Pulse": "devsession.transport.pins",
    "Ran": "devsession.board.resets",
    "Reset": "devsession.board.resets",
    "ResetReport": "devsession.board.resets",
    "Rung": "devsession.board.switches",
    "Running": "devsession.board.running",
    "connect": "devsession.links",
    "diagnose": "devsession.doctor.diagnose",
    "list_ports": "devsession.transport.ports",
    "watch_ports": "devsession.transport.watch",
    "link": "devsession.links",
    "record": "devsession.cassette.recorder",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'devsession' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES.get(name, "devsession.errors")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
