"""The same classes and names as ``devsession``, without ``await``: for scripts, notebooks, and programs of several threads.

::

    from devsession.sync import connect

    with connect("sim:") as board:
        print(board.eval("6 * 7"))
        for text in board.stream("for n in range(3): print(n)"):
            print(text, end="")

All boards share one background thread with an event loop, begun on first use and ended with the interpreter: what is still open then is
interrupted and closed. Any thread may use any board, also one where an event loop runs (which then waits); calls take turns as tasks do.
Deadlines are those of the async API. Ctrl-C cancels the call that the main thread waits in: the program on the board is interrupted, the
board is brought back, and then KeyboardInterrupt is raised; a second Ctrl-C does not wait for that. Async iterators are generators here:
leaving the loop early closes them.

Functions that are handed in: clean-ups and resources of a session, and a plain ``power``, are called in threads of their own, where they
may use boards. Listeners, watchers, ``progress`` and an async ``power`` are called in the background thread, where calls that wait are a
UsageError. After a fork the child cannot use its parent's boards, which is a UsageError, but may connect anew.

A call of a handle (``i2c.scan()``) runs at once; ``value_of`` gives the value of its attributes and items, which in the async API is
``await``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from devsession import (
        AmbiguousBoardError,
        BoardNotFoundError,
        BoardSwappedError,
        CapabilitiesChange,
        CapabilityCache,
        CapabilityError,
        CassetteEndedError,
        CassetteError,
        CassetteFormatError,
        CassetteMismatchError,
        CassetteUnplayedError,
        Change,
        ConnectionState,
        DeadlineError,
        DeviceCapabilities,
        DeviceError,
        DeviceResetError,
        DevsessionError,
        Direction,
        EmulatorNotFoundError,
        Event,
        Execution,
        Expected,
        ExpectError,
        Fault,
        FaultKind,
        FaultPlan,
        FaultyTransport,
        FileSystem,
        Finding,
        Held,
        HostNotFoundError,
        HostUnreachableError,
        InterpreterNotFoundError,
        LeaseTimeoutError,
        Level,
        LinkClosedError,
        LinkError,
        LinkLostError,
        MethodMissingError,
        NegotiationError,
        Performance,
        Pins,
        PoolError,
        Port,
        PortAdded,
        PortBusyError,
        PortEvent,
        PortNotFoundError,
        PortPermissionError,
        PortRefusedError,
        PortRemoved,
        ProfileError,
        ProfileReport,
        ProtocolError,
        Pulse,
        Ran,
        RawReplError,
        Reconnect,
        RecoveryError,
        Refreshed,
        Rescue,
        Reset,
        ResetReport,
        Resource,
        ResourceState,
        Rung,
        SessionEndedError,
        SessionError,
        SessionExistsError,
        SessionPhase,
        SessionProfile,
        SessionState,
        SharedVariables,
        SimulatorError,
        StateChange,
        UncertainExecutionError,
        UnknownNameError,
        UnrepresentableValueError,
        UsageError,
        link,
        list_ports,
        record,
    )
    from devsession.sync.board import Board, Running
    from devsession.sync.capabilities import measure, probe, recall, refresh
    from devsession.sync.events import Events
    from devsession.sync.functions import connect, diagnose, read_clock, rescue, set_clock, watch_ports
    from devsession.sync.methods import (
        BoardThread,
        Deployed,
        DeployedFunction,
        DeployedGenerator,
        DeployedThread,
    )
    from devsession.sync.mounts import Mount
    from devsession.sync.references import Ref, value_of
    from devsession.sync.session import DeviceSession, DeviceSessionManager

__all__ = [
    "AmbiguousBoardError",
    "Board",
    "BoardNotFoundError",
    "BoardSwappedError",
    "BoardThread",
    "CapabilitiesChange",
    "CapabilityCache",
    "CapabilityError",
    "CassetteEndedError",
    "CassetteError",
    "CassetteFormatError",
    "CassetteMismatchError",
    "CassetteUnplayedError",
    "Change",
    "ConnectionState",
    "DeadlineError",
    "Deployed",
    "DeployedFunction",
    "DeployedGenerator",
    "DeployedThread",
    "DeviceCapabilities",
    "DeviceError",
    "DeviceResetError",
    "DeviceSession",
    "DeviceSessionManager",
    "DevsessionError",
    "Direction",
    "EmulatorNotFoundError",
    "Event",
    "Events",
    "Execution",
    "ExpectError",
    "Expected",
    "Fault",
    "FaultKind",
    "FaultPlan",
    "FaultyTransport",
    "FileSystem",
    "Finding",
    "Held",
    "HostNotFoundError",
    "HostUnreachableError",
    "InterpreterNotFoundError",
    "LeaseTimeoutError",
    "Level",
    "LinkClosedError",
    "LinkError",
    "LinkLostError",
    "MethodMissingError",
    "Mount",
    "NegotiationError",
    "Performance",
    "Pins",
    "PoolError",
    "Port",
    "PortAdded",
    "PortBusyError",
    "PortEvent",
    "PortNotFoundError",
    "PortPermissionError",
    "PortRefusedError",
    "PortRemoved",
    "ProfileError",
    "ProfileReport",
    "ProtocolError",
    "Pulse",
    "Ran",
    "RawReplError",
    "Reconnect",
    "RecoveryError",
    "Ref",
    "Refreshed",
    "Rescue",
    "Reset",
    "ResetReport",
    "Resource",
    "ResourceState",
    "Rung",
    "Running",
    "SessionEndedError",
    "SessionError",
    "SessionExistsError",
    "SessionPhase",
    "SessionProfile",
    "SessionState",
    "SharedVariables",
    "SimulatorError",
    "StateChange",
    "UncertainExecutionError",
    "UnknownNameError",
    "UnrepresentableValueError",
    "UsageError",
    "connect",
    "diagnose",
    "link",
    "list_ports",
    "measure",
    "probe",
    "read_clock",
    "recall",
    "record",
    "refresh",
    "rescue",
    "set_clock",
    "value_of",
    "watch_ports",
]

# Where the names that have twins live; all others are the same objects as in devsession.
_TWINS = {
    "Board": "devsession.sync.board",
    "DeviceSession": "devsession.sync.session",
    "DeviceSessionManager": "devsession.sync.session",
    "BoardThread": "devsession.sync.methods",
    "Deployed": "devsession.sync.methods",
    "DeployedFunction": "devsession.sync.methods",
    "DeployedGenerator": "devsession.sync.methods",
    "DeployedThread": "devsession.sync.methods",
    "Events": "devsession.sync.events",
    "Mount": "devsession.sync.mounts",
    "Ref": "devsession.sync.references",
    "Running": "devsession.sync.board",
    "connect": "devsession.sync.functions",
    "diagnose": "devsession.sync.functions",
    "measure": "devsession.sync.capabilities",
    "probe": "devsession.sync.capabilities",
    "read_clock": "devsession.sync.functions",
    "recall": "devsession.sync.capabilities",
    "refresh": "devsession.sync.capabilities",
    "rescue": "devsession.sync.functions",
    "set_clock": "devsession.sync.functions",
    "value_of": "devsession.sync.references",
    "watch_ports": "devsession.sync.functions",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'devsession.sync' has no attribute {name!r}")
    return getattr(importlib.import_module(_TWINS.get(name, "devsession")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
