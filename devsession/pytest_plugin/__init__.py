"""Boards for tests: fixtures ``board``, ``boards``, ``board_manager`` and ``board_session``, markers, and options ``--devsession-...``.

Nothing is imported, opened or looked for until a test asks for one of the fixtures.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from devsession.pytest_plugin.options import MARKERS, add_options, check_options, header, scope

if TYPE_CHECKING:
    from devsession.pytest_plugin.config import DevsessionConfig
    from devsession.pytest_plugin.leasing import Lease
    from devsession.sync.board import Board
    from devsession.sync.session import DeviceSession, DeviceSessionManager

LEASE = "_devsession_lease"
READY = "_devsession_ready"
_RESET = "devsession_reset"

_settings = pytest.StashKey["DevsessionConfig"]()
# The lease that is open, and the way to end it before its scope does.
_open = pytest.StashKey["tuple[pytest.FixtureDef[Lease], pytest.FixtureRequest]"]()
# Why no board can ever run a test, where that is an error.
_impossible = pytest.StashKey[str]()
_position = pytest.StashKey[list[int]]()


# Fixtures


@pytest.fixture(scope="session")
def devsession_config(pytestconfig: pytest.Config) -> DevsessionConfig:
    """Which boards there are, and how they are shared and recovered: the options; override it to choose in a conftest.py."""
    return _config(pytestconfig)


@pytest.fixture(scope=scope)
def _devsession_lease(request: pytest.FixtureRequest, devsession_config: DevsessionConfig) -> Iterator[Lease]:
    from devsession.pytest_plugin.leasing import leased
    from devsession.pytest_plugin.requirement import PLAIN

    with leased(devsession_config, getattr(request, "param", PLAIN), owner=request.node.nodeid) as lease:
        yield lease


@pytest.fixture(scope=scope)
def board(_devsession_lease: Lease) -> Board:
    """A board that is this test's alone: a ``devsession.sync.Board``, in async tests a ``devsession.Board``."""
    return _devsession_lease.boards[0].manager.board


@pytest.fixture(scope=scope)
def boards(_devsession_lease: Lease) -> tuple[Board, ...] | dict[str, Board]:
    """The boards of a test that asks for several: a tuple of ``count`` boards, or a dict of those for ``roles``."""
    found = tuple(each.manager.board for each in _devsession_lease.boards)
    roles = _devsession_lease.requirement.roles
    return dict(zip(roles, found, strict=True)) if roles else found


@pytest.fixture(scope=scope)
def board_manager(_devsession_lease: Lease) -> DeviceSessionManager:
    """The manager of the board's sessions: for namespaces that last longer than a test, methods, capabilities."""
    return _devsession_lease.boards[0].manager


@pytest.fixture
def _devsession_ready(request: pytest.FixtureRequest, _devsession_lease: Lease) -> None:
    mark = request.node.get_closest_marker(_RESET)
    if mark is not None:
        _devsession_lease.reset(*mark.args, **mark.kwargs)


@pytest.fixture
def board_session(
    request: pytest.FixtureRequest, board_manager: DeviceSessionManager, _devsession_ready: None
) -> Iterator[DeviceSession]:
    """A session of the test's own on ``board``: its names are not seen by other tests, and what it holds is given back at the end."""
    from devsession.session.checks import LONGEST_NAME

    # Ids of parameters may be longer than names of sessions.
    with board_manager.session(request.node.name[:LONGEST_NAME]) as session:
        yield session


# Options, markers, header


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Add the markers, and see to it that options are right before anything runs."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    check_options(config)


def pytest_unconfigure() -> None:
    """End the conversations with farms, where there were any."""
    if (sources := sys.modules.get("devsession.pytest_plugin.sources")) is not None:
        sources.end()


def pytest_report_header(config: pytest.Config) -> str | None:
    """Tell which boards are meant; nothing where the options say nothing of boards."""
    return header(config)


# Collection


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have pytest keep a board from test to test as long as they ask for the same: what they ask for is the parameter of the lease."""
    if LEASE not in metafunc.fixturenames:
        return
    from devsession.pytest_plugin.requirement import requirement_of

    requirement = requirement_of(metafunc.definition)
    metafunc.parametrize(LEASE, [pytest.param(requirement, id=pytest.HIDDEN_PARAM)], indirect=True)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what no board can ever run, of what was not deselected; with ``--devsession-strict`` it becomes an error."""
    asking = [item for item in items if isinstance(item, pytest.Function) and LEASE in item.fixturenames]
    for item in asking:
        if item.get_closest_marker(_RESET) and READY not in item.fixturenames:
            item.fixturenames.insert(0, READY)
    if asking and not config.option.collectonly:
        from devsession.pytest_plugin.sorting import sort_out

        settings = _config(config)
        for never, reason in sort_out(settings, asking):
            if settings.strict and settings.mode != "off":
                never.stash[_impossible] = reason
            else:
                never.add_marker(pytest.mark.skip(reason=reason))


# Running


def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> None:
    """Remember how the lease is ended, should its board die."""
    if fixturedef.argname == LEASE:
        request.config.stash[_open] = (fixturedef, request)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """End a lease whose board went away between two tests, and refuse what no board can ever run."""
    if reason := item.stash.get(_impossible, ""):
        raise pytest.UsageError(reason)
    _end_unsound(item)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """End a lease whose board died in this test: what goes wrong with that is this test's, and the next one gets a new lease."""
    _end_unsound(item)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Give an async test the boards of the async API."""
    if LEASE in getattr(item, "fixturenames", ()) and isinstance(item, pytest.Function):
        _lease_began(item)
        if inspect.iscoroutinefunction(inspect.unwrap(item.obj)):
            from devsession.sync.awaited import awaited

            item.funcargs.update({name: awaited(value) for name, value in item.funcargs.items()})


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Add to the report, before it is made, what the test's boards are and what they printed."""
    if LEASE in getattr(item, "fixturenames", ()):
        from devsession.pytest_plugin.reports import add_facts, add_output

        lease = _lease_of(item)
        add_facts(item, call, lease)
        add_output(item, call, lease, item.stash.get(_position, []))


def _end_unsound(item: pytest.Item) -> None:
    if LEASE not in getattr(item, "fixturenames", ()):
        return
    if (lease := _lease(item.config)) is not None and not lease.is_sound():
        fixturedef, request = item.config.stash[_open]
        fixturedef.finish(request)  # type: ignore[arg-type] # it is the one that pytest gave


def _lease_began(item: pytest.Item) -> None:
    if (lease := _lease_of(item)) is not None:
        item.stash[_position] = lease.positions()


def _lease(config: pytest.Config) -> Lease | None:
    fixturedef, _ = config.stash.get(_open, (None, None))
    if fixturedef is None or fixturedef.cached_result is None:
        return None
    return fixturedef.cached_result[0]


def _lease_of(item: pytest.Item) -> Lease | None:
    """Return the lease that a test has, ``None`` while that which is open is another's: kept, or not ended yet."""
    from devsession.pytest_plugin.requirement import PLAIN

    lease = _lease(item.config)
    own = getattr(item, "callspec", None)
    asked = own.params.get(LEASE, PLAIN) if own is not None else PLAIN
    return lease if lease is not None and lease.requirement is asked else None


def _config(config: pytest.Config) -> DevsessionConfig:
    if _settings not in config.stash:
        from devsession.pytest_plugin.config import read

        config.stash[_settings] = read(config)
    return config.stash[_settings]
