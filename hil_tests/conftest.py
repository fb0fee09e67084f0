"""One suite against any board: `pytest hil_tests --devsession-board URL`, more than once for several boards.

A test says with `@pytest.mark.needs("Pin", "interruptible")` what the board must be able to do. It is skipped where the board's
capabilities say that it cannot; what they do not know, it is asked. Boards are told apart by nothing else.
"""

import os
from collections.abc import AsyncIterator

import pytest
from board_table import BoardTable

from devsession import DeviceError, DeviceSession, DeviceSessionManager, EmulatorNotFoundError, Rung

# What a board is asked where its capabilities do not tell: true where it has that.
QUESTIONS = {
    "Pin": "hasattr(__import__('machine'),'Pin')",
    "Timer": "hasattr(__import__('machine'),'Timer')",
    "machine": "hasattr(__import__('machine'),'reset')",
    "directories": "hasattr(__import__('os'),'mkdir')",
    "rename": "hasattr(__import__('os'),'rename')",
    "double": "1.0 + 1e-10 != 1.0",
}
_ABILITIES = pytest.StashKey[dict[tuple[str, str], bool]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--devsession-board",
        action="append",
        default=[],
        metavar="URL",
        help="a board to test, such as /dev/ttyACM0 or sim:; may be given more than once",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*features): what the board must be able to do")
    config.stash[_ABILITIES] = {}
    config.pluginmanager.register(BoardTable())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "url" in metafunc.fixturenames:
        urls = metafunc.config.getoption("devsession_board") or [os.environ.get("DEVSESSION_BOARD")]
        if not urls[0]:
            raise pytest.UsageError("name the board: --devsession-board /dev/ttyACM0")
        metafunc.parametrize("url", urls, scope="session")


@pytest.fixture
async def manager(url: str, request: pytest.FixtureRequest) -> AsyncIterator[DeviceSessionManager]:
    """A manager of the board, attached for this test alone; a board that hangs is reset."""
    opened = DeviceSessionManager.open(url, recovery=Rung.HARD)
    try:
        await opened.connect()
    except EmulatorNotFoundError as error:
        await opened.close()
        if os.environ.get("DEVSESSION_EMULATED") == "required":
            raise
        pytest.skip(f"{error.message}: {error.hint}")
    try:
        await _check_needs(opened, request)
        yield opened
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
    if feature not in QUESTIONS or manager.capabilities.supports(feature) is not None:
        return bool(manager.capabilities.supports(feature))
    try:
        return bool(await manager.board.eval(QUESTIONS[feature]))
    except DeviceError:
        return False
