"""One suite against any board: `pytest hil_tests --devsession-board URL`, more than once for several boards.

A test says with `@pytest.mark.needs("Pin", "interruptible")` what the board must be able to do. It is skipped where the board's
capabilities say that it cannot; what they do not know, it is asked. Boards are told apart by nothing else.
"""

import os
from collections.abc import AsyncIterator, Iterator

import pytest
from board_table import BoardTable

from devsession import DeviceError, DeviceSession, DeviceSessionManager, EmulatorNotFoundError
from devsession.pool.locks import Locks
from devsession.pool.provider import BoardOffer
from devsession.pool.taking import take
from devsession.pytest_plugin.config import DevsessionConfig, listed, read
from devsession.pytest_plugin.sources import right_to

# What a board is asked where its capabilities do not know, or have no word for it: true where it has that.
QUESTIONS = {
    "Pin": "hasattr(__import__('machine'),'Pin')",
    "Timer": "hasattr(__import__('machine'),'Timer')",
    "machine": "hasattr(__import__('machine'),'reset')",
    "os.rename": "hasattr(__import__('os'),'rename')",
    "os.mkdir": "hasattr(__import__('os'),'mkdir')",
}
_ABILITIES = pytest.StashKey[dict[tuple[str, str], bool]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*features): what the board must be able to do")
    config.stash[_ABILITIES] = {}
    config.pluginmanager.register(BoardTable())


def pytest_collection(session: pytest.Session) -> None:
    if not listed(session.config):
        raise pytest.UsageError("name the board: --devsession-board /dev/ttyACM0")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    # Every test on every board, where the plugin's own fixtures give a test the board that is free first.
    if "known" in metafunc.fixturenames:
        boards = read(metafunc.config).of_kind("")
        metafunc.parametrize("known", boards, ids=[board.name for board in boards], scope="session")


@pytest.fixture
def url(
    known: BoardOffer, devsession_config: DevsessionConfig, request: pytest.FixtureRequest
) -> Iterator[str]:
    """The URL of the board, which is this test's alone, whatever other runs there are."""
    [taken] = take(
        [[known]],
        Locks(devsession_config.lock_directory),
        owner=request.node.nodeid,
        timeout=devsession_config.acquire_timeout,
    )
    try:
        with right_to(known) as right:
            yield right.url
    finally:
        taken.give_back()


@pytest.fixture
async def manager(
    url: str, devsession_config: DevsessionConfig, request: pytest.FixtureRequest
) -> AsyncIterator[DeviceSessionManager]:
    """A manager of the board, attached for this test alone; a board that hangs is brought back as far as the options allow."""
    opened = DeviceSessionManager.open(url, recovery=devsession_config.recovery)
    try:
        await opened.connect()
        await _check_needs(opened, request)
        yield opened
    except EmulatorNotFoundError as error:
        if os.environ.get("DEVSESSION_EMULATED") == "required":
            raise
        pytest.skip(f"{error.message}: {error.hint}")
    finally:
        await opened.close()


@pytest.fixture
async def session(manager: DeviceSessionManager) -> AsyncIterator[DeviceSession]:
    """A session of its own."""
    async with manager.session() as opened:
        yield opened


async def _check_needs(manager: DeviceSessionManager, request: pytest.FixtureRequest) -> None:
    abilities = request.config.stash[_ABILITIES]
    for marker in request.node.iter_markers("needs"):
        for feature in marker.args:
            key = (manager.board.url, feature)
            if key not in abilities:
                abilities[key] = await _has(manager, feature)
            if not abilities[key]:
                pytest.skip(f"{manager.capabilities} has no {feature}")


async def _has(manager: DeviceSessionManager, feature: str) -> bool:
    if feature == "interruptible":
        return (await manager.measure()).interruptible
    known = None if "." in feature else manager.capabilities.supports(feature)
    if known is not None:
        return known
    try:
        return bool(await manager.board.eval(QUESTIONS[feature]))
    except DeviceError:
        return False
