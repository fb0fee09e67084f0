"""The twin has what the async API has, with the same signatures; what it lacks is named by the test that fails."""

import ast
import inspect
import re
import textwrap
from typing import Any, get_args

import pytest

import devsession
from devsession import sync
from devsession.board.execution import OutputTail
from devsession.board.output import OutputLog
from devsession.pool import acquiring
from devsession.session import deployed, device, executor, generators, listeners, parts, references, threads
from devsession.session.files import device_files as files
from devsession.session.files import mounts, opened
from devsession.sync import board as sync_board
from devsession.sync import contexts, methods
from devsession.sync import mounts as sync_mounts
from devsession.sync import pool as sync_pool
from devsession.sync import references as sync_references
from devsession.sync import session as sync_session
from devsession.sync.twin import Fact, Twin
from devsession.transport.base import Transport

# Every class that has a twin. A class that is not here is shared by both APIs, so it must be plain data.
TWINS: dict[type, type] = {
    devsession.Board: sync.Board,
    devsession.Running: sync.Running,
    OutputLog: sync_board.OutputLog,
    OutputTail: sync_board.OutputTail,
    devsession.DeviceSession: sync.DeviceSession,
    devsession.DeviceSessionManager: sync.DeviceSessionManager,
    devsession.Events: sync.Events,
    devsession.SessionPool: sync.SessionPool,
    acquiring.Acquiring: sync_pool.Acquiring,
    device.DeviceContext: contexts.DeviceContext,
    parts.Parts: contexts.Parts,
    files.DeviceFiles: contexts.DeviceFiles,
    opened.DeviceFile: contexts.DeviceFile,
    deployed.Deployed: methods.Deployed,
    deployed.DeployedFunction: methods.DeployedFunction,
    generators.DeployedGenerator: methods.DeployedGenerator,
    threads.DeployedThread: methods.DeployedThread,
    threads.BoardThread: methods.BoardThread,
    executor.Methods: methods.Methods,
    executor.Threads: methods.Threads,
    executor.Executor: methods.Executor,
    devsession.CoordinatedSession: sync.CoordinatedSession,
    devsession.MultiSessionCoordinator: sync.MultiSessionCoordinator,
    devsession.OutputBuffer: sync.OutputBuffer,
    listeners.Listeners: sync_session.Listeners,
    mounts.Mount: sync_mounts.Mount,
    references.Path: sync_references.Path,
    references.Ref: sync_references.Ref,
}

# What takes a coroutine, which means nothing without ``await``.
COROUTINES = {"background"}

# Public methods that are for other parts of devsession, not for its users.
DEPLOYED = {"called", "invoke", "key", "lost"}
INTERNAL: dict[type, set[str]] = {
    OutputLog: {"append", "changed", "follow", "wake"},
    OutputTail: {"append", "pieces", "told", "trim"},
    devsession.OutputBuffer: {"append", "begin", "pieces", "told", "trim"},
    devsession.CoordinatedSession: {
        *(
            "check_lasts",
            "find",
            "finish",
            "go_on",
            "hibernate",
            "is_behind_another",
            "let_go",
            "lose",
            "moving",
            "profile",
        ),
        *("retire", "sit", "submit", "wake", "was"),
    },
    devsession.MultiSessionCoordinator: {"changed", "printed"},
    devsession.Board: {"clean_up", "stop", "equip", "messages", "is_busy", "serve", "withdraw"},
    devsession.Events: {"end", "take", "wake"},
    devsession.DeviceSession: {
        *("before_call", "board_home", "board_started_anew", "check", "checked", "eval_own", "eval_quietly"),
        *(
            "answer",
            "asks",
            "exec_own",
            "exec_quietly",
            "hold",
            "next_handle",
            "perform",
            "ready",
            "mounts",
            "restore",
            "resume",
            "suspend",
            "unmount",
            *COROUTINES,
            "url",
            "use",
            "widths",
        ),
    },
    devsession.DeviceSessionManager: {"before_call", "board_home", "hold", "use", "widths"},
    devsession.Running: {"when_over"},
    files.DeviceFiles: {"looking", "place"},
    deployed.Deployed: DEPLOYED,
    deployed.DeployedFunction: DEPLOYED,
    generators.DeployedGenerator: DEPLOYED,
    threads.BoardThread: {"let_go"},
    threads.DeployedThread: {*DEPLOYED, "ask", "hold", "raise_what_it_did"},
    listeners.Listeners: {"__call__", "settle"},
    mounts.Mount: {"make", "withdraw"},
    references.Ref: {"make"},
}

# What is handed to a board or a pool, and waited for by nobody else.
HANDED = (
    Transport,
    devsession.Pulse,
    devsession.LabgridBoards,
    devsession.LocalBoards,
    devsession.SimulatedBoards,
    devsession.PoolStore,
)

# What only a twin has: the value of an attribute or item of a handle, which elsewhere is `await`; how twins are made.
ONLY_HERE = {"value_of"}
MAKING = {"of"}

SPECIAL = {
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    **{name: name for name in ("__bytes__", "__len__", "__call__", "__getitem__", "__getattr__")},
}


def members(kind: type) -> set[str]:
    """Return the public names of a class: those it defines, and those that its instances are given in ``__init__``."""
    special = {name for name in (*SPECIAL, *SPECIAL.values()) if getattr(kind, name, 0) is not None}
    return {name for name in dir(kind) if not name.startswith("_") or name in special} | given(kind)


def given(kind: type) -> set[str]:
    found = set()
    for base in kind.__mro__:
        if base.__module__.startswith("devsession.") and "__init__" in vars(base):
            tree = ast.parse(textwrap.dedent(inspect.getsource(base.__init__)))
            found |= {
                node.attr
                for node in ast.walk(tree)
                if isinstance(node, ast.Attribute)
                and isinstance(node.ctx, ast.Store)
                and not node.attr.startswith("_")
            }
    return found


def original_of(name: str) -> Any:
    return getattr(devsession, name)


def without_waiting(annotation: Any) -> str:
    """Return an annotation as it is in both: what is waited for is its result, what yields is its first argument in angle brackets."""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    text = re.sub(
        r"\b(?:[a-z_]\w*\.)+(?=[A-Za-z_])", "", text
    )  # modules are named in one file and not in another
    text = re.sub(r"\bAwaitable\[([^\[\]]*)\]", r"\1", text)
    return re.sub(
        r"\b(?:AsyncGenerator|Generator|AbstractContextManager)\[([^\[\],]*)[^\[\]]*\]", r"<\1>", text
    )


def shape(function: Any, *, bound: bool) -> list[tuple[Any, ...]]:
    parameters = list(inspect.signature(function).parameters.values())[1 if bound else 0 :]
    return [(p.name, p.kind, p.default, without_waiting(p.annotation)) for p in parameters]


def declared(here: Any) -> str | None:
    """Return the type of a property of a twin; ``None`` for what has a twin itself, which has a test of its own."""
    if isinstance(here, property):
        return returned(here.fget)
    assert isinstance(here, Fact), "a property, and something else in its twin"
    (kind,) = get_args(here.__orig_class__) if type(here) is Fact else (None,)
    return kind and without_waiting(str(kind) if get_args(kind) else kind.__name__)


PAIRS = [pytest.param(kind, twin, id=f"{kind.__module__}.{kind.__name__}") for kind, twin in TWINS.items()]


def test_the_public_names_are_the_same():
    missing = set(devsession.__all__) - set(sync.__all__)
    assert not missing, (
        f"add these to devsession/sync/__init__.py, those that wait with their twins: {sorted(missing)}"
    )
    assert set(sync.__all__) - set(devsession.__all__) == ONLY_HERE


def test_what_waits_has_a_twin_and_what_does_not_is_the_same_object():
    for name in devsession.__all__:
        original, here = original_of(name), getattr(sync, name)
        if inspect.isclass(original):
            waits = any(map(waiting, vars(original).values())) and not issubclass(original, HANDED)
            assert not waits or original in TWINS, f"{name} has methods that wait, so it needs a twin"
            assert here is TWINS.get(original, original), name
        elif inspect.isfunction(original) and (
            waiting(original) or "Board" in str(inspect.signature(original))
        ):
            assert here is not original, f"{name} waits, or takes or returns a board: it needs a twin"
        else:
            assert here is original, name


def waiting(value: Any) -> bool:
    return inspect.iscoroutinefunction(value) or inspect.isasyncgenfunction(value)


@pytest.mark.parametrize(("kind", "twin"), PAIRS)
def test_a_twin_has_every_member_and_no_other(kind: type, twin: type):
    internal = INTERNAL.get(kind, set())
    assert internal <= members(kind), "what INTERNAL names is gone"
    wanted = {SPECIAL.get(name, name) for name in members(kind) - internal}
    missing = wanted - members(twin)
    assert not missing, f"{twin.__module__}.{twin.__name__} lacks {sorted(missing)}: add a line for each"
    surplus = members(twin) - wanted - MAKING
    assert not surplus, f"{twin.__module__}.{twin.__name__} has {sorted(surplus)}, which its original has not"


@pytest.mark.parametrize(("kind", "twin"), PAIRS)
def test_methods_have_the_same_signatures(kind: type, twin: type):
    for name in sorted(members(kind) - INTERNAL.get(kind, set()) - given(kind)):
        original, here = getattr(kind, name), getattr(twin, SPECIAL.get(name, name))
        if isinstance(original, property):
            assert declared(here) in {returned(original.fget), None}, name
            continue
        bound = not inspect.ismethod(original)
        assert shape(here, bound=bound) == shape(original, bound=bound), name
        assert not waiting(here), f"{name} waits in the twin, too"
        if not name.startswith("__") and kind not in {references.Path, references.Ref}:
            assert returned(here) == returned(original), name
            assert (here.__doc__ or "").strip(), name


def returned(function: Any) -> str:
    return without_waiting(inspect.signature(function).return_annotation)


@pytest.mark.parametrize(("kind", "twin"), PAIRS)
def test_constructors_take_the_same(kind: type, twin: type):
    if "__init__" in vars(twin) and issubclass(twin, Twin):
        assert shape(twin.__init__, bound=True) == shape(kind.__init__, bound=True)


@pytest.mark.parametrize("name", sorted(name for name in sync.__all__ if name not in ONLY_HERE))
def test_functions_have_the_same_signatures(name: str):
    original, here = original_of(name), getattr(sync, name)
    if here is original or inspect.isclass(original):
        return
    assert not waiting(here)
    assert [p[:3] for p in shape(here, bound=False)] == [p[:3] for p in shape(original, bound=False)]
    assert returned(here) == returned(original)


@pytest.mark.parametrize(("kind", "twin"), PAIRS)
def test_what_has_a_twin_is_returned_as_one(kind: type, twin: type):
    names = {original.__name__ for original in TWINS}
    for name, original in inspect.getmembers(kind, inspect.isfunction):
        if name.startswith("_") or name in INTERNAL.get(kind, set()):
            continue
        if str(inspect.signature(original).return_annotation) in names:
            here = getattr(twin, name)
            assert "kind" in here.__code__.co_freevars or here.__module__.startswith("devsession.sync"), (
                f"{twin.__name__}.{name} returns what has a twin: use gives or brings"
            )


def test_what_is_held_has_a_twin_where_it_waits(manager: sync.DeviceSessionManager):
    with manager.session() as session:
        for twin in (manager, session, manager.board):
            kind = type(twin._original)
            for name in members(kind) - INTERNAL.get(kind, set()):
                value = getattr(twin._original, name, None)
                if not inspect.isroutine(value) and any(
                    waiting(method) for method in vars(type(value)).values()
                ):
                    assert type(value) in TWINS, (
                        f"{name} of {kind.__name__} has methods that wait, so it needs a twin"
                    )
                    assert isinstance(getattr(twin, name), TWINS[type(value)]), name
