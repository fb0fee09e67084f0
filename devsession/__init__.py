"""Sessions on MicroPython and CircuitPython boards: see README.md for the first steps.

The public names are resolved on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib

# Not typing's: Ctrl-C during its import would be a traceback, and it would take longer than all the rest here.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from devsession.board.board import Board
    from devsession.board.clock import read_clock, set_clock
    from devsession.board.execution import Execution
    from devsession.board.expect import Expected
    from devsession.board.messages import Event
    from devsession.board.rescue import Rescue, rescue
    from devsession.board.resets import Ran, Reset, ResetReport
    from devsession.board.running import Running
    from devsession.board.switches import Rung
    from devsession.cassette.recorder import record
    from devsession.coordinator.buffer import OutputBuffer
    from devsession.coordinator.coordinator import MultiSessionCoordinator
    from devsession.coordinator.hibernation import Hibernation
    from devsession.coordinator.limits import SessionLimits
    from devsession.coordinator.program import SessionKind
    from devsession.coordinator.session import CoordinatedSession
    from devsession.coordinator.states import CoordinatedState, SessionEvent, SessionEventKind
    from devsession.doctor.diagnose import diagnose
    from devsession.doctor.finding import Finding, Level
    from devsession.errors import (
        AmbiguousBoardError,
        BoardNotFoundError,
        BoardSwappedError,
        BoardTakenError,
        CapabilityError,
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
        LeaseLost,
        LeaseTimeoutError,
        LinkClosedError,
        LinkError,
        LinkLostError,
        MethodMissingError,
        NegotiationError,
        PoolClosedError,
        PoolError,
        PortBusyError,
        PortNotFoundError,
        PortPermissionError,
        PortRefusedError,
        ProfileError,
        ProtocolError,
        ProviderError,
        RawReplError,
        RecoveryError,
        RequirementError,
        SessionEndedError,
        SessionError,
        SessionExistsError,
        SimulatorError,
        UncertainExecutionError,
        UnknownNameError,
        UnrepresentableValueError,
        UnsafeNameError,
        UsageError,
    )
    from devsession.links import connect, link
    from devsession.pool.config import Eviction, PoolConfig, Selection
    from devsession.pool.distribution import Distribution
    from devsession.pool.labgrid.provider import LabgridBoards, PlaceLost
    from devsession.pool.lease import Lease, LeaseState
    from devsession.pool.local import LocalBoards
    from devsession.pool.metrics import PoolMetrics
    from devsession.pool.pool import SessionPool
    from devsession.pool.provider import BoardOffer
    from devsession.pool.shown import ShownPool, shown_pools
    from devsession.pool.simulated import SimulatedBoards
    from devsession.pool.snapshot import BoardSnapshot, BoardState, PoolSnapshot, SessionSnapshot
    from devsession.pool.store import PoolStore
    from devsession.session.capabilities import Change, DeviceCapabilities, FileSystem, Performance
    from devsession.session.capability_cache import CapabilityCache, Refreshed, recall, refresh
    from devsession.session.cleanup import Held, Resource, ResourceState
    from devsession.session.deployed import Deployed, DeployedFunction
    from devsession.session.events import Events
    from devsession.session.facts import CapabilitiesChange
    from devsession.session.files.looking import DiskUse
    from devsession.session.files.metadata import CacheUse, FileStat
    from devsession.session.files.mounts import Mount
    from devsession.session.files.sending import Progress
    from devsession.session.files.sync_plan import SyncPlan
    from devsession.session.generators import DeployedGenerator
    from devsession.session.manager import DeviceSessionManager
    from devsession.session.measure import measure
    from devsession.session.probe import probe
    from devsession.session.profile import SessionProfile
    from devsession.session.profile_report import ProfileReport
    from devsession.session.reconnect import Reconnect
    from devsession.session.references import Ref
    from devsession.session.session import DeviceSession, SessionPhase
    from devsession.session.shared import SharedVariables
    from devsession.session.state import SessionState
    from devsession.session.states import ConnectionState, StateChange
    from devsession.session.threads import BoardThread, DeployedThread
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
    "BoardOffer",
    "BoardSnapshot",
    "BoardState",
    "BoardSwappedError",
    "BoardTakenError",
    "BoardThread",
    "CacheUse",
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
    "CoordinatedSession",
    "CoordinatedState",
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
    "DiskUse",
    "Distribution",
    "EmulatorNotFoundError",
    "Event",
    "Events",
    "Eviction",
    "Execution",
    "ExpectError",
    "Expected",
    "Fault",
    "FaultKind",
    "FaultPlan",
    "FaultyTransport",
    "FileStat",
    "FileSystem",
    "Finding",
    "Held",
    "Hibernation",
    "HostNotFoundError",
    "HostUnreachableError",
    "InterpreterNotFoundError",
    "LabgridBoards",
    "Lease",
    "LeaseLost",
    "LeaseState",
    "LeaseTimeoutError",
    "Level",
    "LinkClosedError",
    "LinkError",
    "LinkLostError",
    "LocalBoards",
    "MethodMissingError",
    "Mount",
    "MultiSessionCoordinator",
    "NegotiationError",
    "OutputBuffer",
    "Performance",
    "Pins",
    "PlaceLost",
    "PoolClosedError",
    "PoolConfig",
    "PoolError",
    "PoolMetrics",
    "PoolSnapshot",
    "PoolStore",
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
    "Progress",
    "ProtocolError",
    "ProviderError",
    "Pulse",
    "Ran",
    "RawReplError",
    "Reconnect",
    "RecoveryError",
    "Ref",
    "Refreshed",
    "RequirementError",
    "Rescue",
    "Reset",
    "ResetReport",
    "Resource",
    "ResourceState",
    "Rung",
    "Running",
    "Selection",
    "SessionEndedError",
    "SessionError",
    "SessionEvent",
    "SessionEventKind",
    "SessionExistsError",
    "SessionKind",
    "SessionLimits",
    "SessionPhase",
    "SessionPool",
    "SessionProfile",
    "SessionSnapshot",
    "SessionState",
    "SharedVariables",
    "ShownPool",
    "SimulatedBoards",
    "SimulatorError",
    "StateChange",
    "SyncPlan",
    "UncertainExecutionError",
    "UnknownNameError",
    "UnrepresentableValueError",
    "UnsafeNameError",
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
    "shown_pools",
    "watch_ports",
]

# Where the names that are no exceptions live.
_HOMES = {
    "Board": "devsession.board.board",
    "BoardOffer": "devsession.pool.provider",
    "BoardSnapshot": "devsession.pool.snapshot",
    "BoardState": "devsession.pool.snapshot",
    "BoardThread": "devsession.session.threads",
    "CacheUse": "devsession.session.files.metadata",
    "CapabilitiesChange": "devsession.session.facts",
    "CapabilityCache": "devsession.session.capability_cache",
    "Change": "devsession.session.capabilities",
    "ConnectionState": "devsession.session.states",
    "CoordinatedSession": "devsession.coordinator.session",
    "CoordinatedState": "devsession.coordinator.states",
    "Deployed": "devsession.session.deployed",
    "DeployedFunction": "devsession.session.deployed",
    "DeployedGenerator": "devsession.session.generators",
    "DeployedThread": "devsession.session.threads",
    "DeviceCapabilities": "devsession.session.capabilities",
    "DeviceSession": "devsession.session.session",
    "DeviceSessionManager": "devsession.session.manager",
    "Mount": "devsession.session.files.mounts",
    "Direction": "devsession.transport.recording",
    "DiskUse": "devsession.session.files.looking",
    "Distribution": "devsession.pool.distribution",
    "Event": "devsession.board.messages",
    "Events": "devsession.session.events",
    "Eviction": "devsession.pool.config",
    "Execution": "devsession.board.execution",
    "Expected": "devsession.board.expect",
    "Fault": "devsession.transport.fault_plan",
    "FaultKind": "devsession.transport.fault_plan",
    "FaultPlan": "devsession.transport.fault_plan",
    "FaultyTransport": "devsession.transport.faults",
    "FileStat": "devsession.session.files.metadata",
    "FileSystem": "devsession.session.capabilities",
    "Finding": "devsession.doctor.finding",
    "Held": "devsession.session.cleanup",
    "Hibernation": "devsession.coordinator.hibernation",
    "LabgridBoards": "devsession.pool.labgrid.provider",
    "Lease": "devsession.pool.lease",
    "LeaseState": "devsession.pool.lease",
    "Level": "devsession.doctor.finding",
    "LocalBoards": "devsession.pool.local",
    "MultiSessionCoordinator": "devsession.coordinator.coordinator",
    "OutputBuffer": "devsession.coordinator.buffer",
    "Performance": "devsession.session.capabilities",
    "Pins": "devsession.transport.pins",
    "PlaceLost": "devsession.pool.labgrid.provider",
    "PoolConfig": "devsession.pool.config",
    "PoolMetrics": "devsession.pool.metrics",
    "PoolSnapshot": "devsession.pool.snapshot",
    "PoolStore": "devsession.pool.store",
    "Port": "devsession.transport.ports",
    "PortAdded": "devsession.transport.watch",
    "PortEvent": "devsession.transport.watch",
    "PortRemoved": "devsession.transport.watch",
    "ProfileReport": "devsession.session.profile_report",
    "Progress": "devsession.session.files.sending",
    "Pulse": "devsession.transport.pins",
    "Ran": "devsession.board.resets",
    "Reconnect": "devsession.session.reconnect",
    "Ref": "devsession.session.references",
    "Refreshed": "devsession.session.capability_cache",
    "Rescue": "devsession.board.rescue",
    "Reset": "devsession.board.resets",
    "ResetReport": "devsession.board.resets",
    "Resource": "devsession.session.cleanup",
    "ResourceState": "devsession.session.cleanup",
    "Rung": "devsession.board.switches",
    "Running": "devsession.board.running",
    "Selection": "devsession.pool.config",
    "SessionEvent": "devsession.coordinator.states",
    "SessionEventKind": "devsession.coordinator.states",
    "SessionKind": "devsession.coordinator.program",
    "SessionLimits": "devsession.coordinator.limits",
    "SessionPhase": "devsession.session.session",
    "SessionPool": "devsession.pool.pool",
    "SessionProfile": "devsession.session.profile",
    "SessionSnapshot": "devsession.pool.snapshot",
    "SessionState": "devsession.session.state",
    "SharedVariables": "devsession.session.shared",
    "ShownPool": "devsession.pool.shown",
    "SimulatedBoards": "devsession.pool.simulated",
    "StateChange": "devsession.session.states",
    "SyncPlan": "devsession.session.files.sync_plan",
    "connect": "devsession.links",
    "diagnose": "devsession.doctor.diagnose",
    "link": "devsession.links",
    "list_ports": "devsession.transport.ports",
    "measure": "devsession.session.measure",
    "probe": "devsession.session.probe",
    "read_clock": "devsession.board.clock",
    "recall": "devsession.session.capability_cache",
    "record": "devsession.cassette.recorder",
    "refresh": "devsession.session.capability_cache",
    "rescue": "devsession.board.rescue",
    "set_clock": "devsession.board.clock",
    "shown_pools": "devsession.pool.shown",
    "watch_ports": "devsession.transport.watch",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'devsession' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES.get(name, "devsession.errors")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
