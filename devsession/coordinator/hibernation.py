"""A session's values and methods, brought to the host, and to a board again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from devsession.coordinator.keeping import text_of
from devsession.errors import DeviceError, SessionError, UnrepresentableValueError, UsageError
from devsession.protocol import values
from devsession.protocol.source import ASKING, EMITTER
from devsession.session import joining

if TYPE_CHECKING:
    from devsession.session.session import DeviceSession

# What of a session's names is devsession's own.
_OURS = (EMITTER, *ASKING)
# One object under two names comes back as two, which shows when it can change.
_CHANGEABLE = frozenset({"list", "dict", "set", "bytearray", "array", "OrderedDict"})
_NAMES = "[(n,str(type(v))[8:-2],id(v))for n,v in globals().items()if isinstance(n,str)and n[:2]!='__']"


@dataclass(frozen=True, slots=True)
class Hibernation:
    """What of a session is on the host, and what could not be brought there.

    ``values`` are variables by name, ``modules`` the modules that names stand for, ``methods`` the sources of deployed methods by name,
    ``state`` the session's values on the host. ``left`` says of everything else why it was left behind. ``firmware`` and ``float_bits``
    tell which boards it can go to.
    """

    firmware: str
    float_bits: int
    values: dict[str, Any] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    methods: dict[str, str] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)

    def to_text(self) -> str:
        """Return it as text; values of ``state`` that have no text go to ``left``."""
        state, left = {}, dict(self.left)
        for name, value in self.state.items():
            try:
                state[name] = text_of(value)
            except UsageError as error:
                left[name] = error.message
        kept = {name: text_of(value) for name, value in self.values.items()}
        return text_of((self.firmware, self.float_bits, kept, self.modules, self.methods, state, left))

    @classmethod
    def from_text(cls, text: str) -> Hibernation:
        """Return what was written; raises RemoteProtocolError for what is none."""
        firmware, float_bits, kept, modules, methods, state, left = values.parse(text)
        read = [{name: values.parse(written) for name, written in some.items()} for some in (kept, state)]
        return cls(firmware, float_bits, read[0], modules, methods, read[1], left)


async def bring(session: DeviceSession) -> Hibernation:
    """Return what a session has on its board, as far as it has a form here; one turn a variable. Raises what ``eval`` does."""
    carried = Hibernation(*_kind_of(session))
    sources = {one.method.name: one.method.text for one in session.executor.methods}
    objects: dict[int, str] = {}
    for name, kind, number in sorted(await session.eval_quietly(_NAMES)):
        if name in _OURS or name.startswith("_devsession"):
            continue
        if name in sources:
            carried.methods[name] = sources[name]
        elif kind == "module":
            carried.modules[name] = await session.eval_quietly(f"{name}.__name__")
        else:
            await _bring_value(session, carried, name, kind)
        if kind in _CHANGEABLE and number in objects and name in carried.values:
            carried.left[f"{objects[number]} is {name}"] = "they are two objects when they come back"
        objects.setdefault(number, name)
    carried.left.update({held.id: f"{held.type}, given back" for held in session.resources})
    carried.state.update(session.state)
    return carried


async def _bring_value(session: DeviceSession, carried: Hibernation, name: str, kind: str) -> None:
    if kind in {"function", "closure", "generator", "type"}:
        carried.left[name] = f"a {kind} that a program made: send the program again"
        return
    try:
        value = await session.device.get(name)
        text_of(value)
        carried.values[name] = value
    except UnrepresentableValueError as error:
        carried.left[name] = f"{error.type_name} has no form on the host"
    except (DeviceError, UsageError) as error:
        carried.left[name] = error.message


async def put_back(session: DeviceSession, carried: Hibernation) -> dict[str, str]:
    """Give a session what was carried, and return why of what could not be given; raises SessionError for a board of another kind."""
    firmware, float_bits = _kind_of(session)
    if (firmware, float_bits) != (carried.firmware, carried.float_bits):
        raise SessionError(
            f"it comes from {carried.firmware} with floats of {carried.float_bits} bits, and this board is {firmware} with {float_bits}",
            board=session.url,
            hint="resume it on a board of the same kind",
        )
    failed: dict[str, str] = {}
    definitions = {name: f"import {module} as {name}" for name, module in carried.modules.items()}
    for name, value in carried.values.items():
        try:
            definitions[name] = _definition(session, name, value)
        except UsageError as error:
            failed[name] = error.message
    await _define(session, definitions, failed)
    for name, source in carried.methods.items():
        await _try(session, name, source, failed)
    session.state.update(carried.state)
    return failed


def _definition(session: DeviceSession, name: str, value: Any) -> str:
    from devsession.methods.arguments import encode

    return f"{name}={encode(value, *session.widths(), name=name)}"


async def _define(session: DeviceSession, definitions: dict[str, str], failed: dict[str, str]) -> None:
    for group in joining.grouped(list(definitions.values())):
        try:
            await session.exec_quietly(";".join(group))
        except DeviceError:
            for name in [name for name, definition in definitions.items() if definition in group]:
                await _try(session, name, definitions[name], failed)


async def _try(session: DeviceSession, name: str, source: str, failed: dict[str, str]) -> None:
    try:
        await session.exec_quietly(source)
    except DeviceError as error:
        failed[name] = error.message


def _kind_of(session: DeviceSession) -> tuple[str, int]:
    found = session.device.capabilities
    return found.implementation, found.float_bits if found.float_bits is not None else 64
