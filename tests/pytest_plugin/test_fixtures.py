"""The fixtures and markers, in runs of pytest as a user has them."""

from user_runs import Run


def test_board_and_session(run: Run):
    outcome = run("""
def test_one(board_session):
    board_session.exec("x = 40")
    assert board_session.eval("x + 2") == 42

def test_names_of_another_test_are_not_seen(board, board_session):
    with pytest.raises(Exception, match="NameError"):
        board_session.eval("x")
    assert board.eval("6 * 7") == 42
""")
    assert (outcome.code, outcome.passed) == (0, 2), outcome


def test_a_long_id_of_a_parameter_is_no_trouble(run: Run):
    outcome = run("""
@pytest.mark.parametrize("text", ["x" * 300, "é" * 90])
def test_one(board_session, text):
    assert board_session.eval("1") == 1
""")
    assert (outcome.code, outcome.passed) == (0, 2), outcome


def test_a_board_is_kept_for_a_module_or_as_asked(run: Run):
    source = """
def test_one(board):
    board.exec("kept = 1")

def test_two(board):
    assert board.eval("'kept' in globals()")
"""
    assert run(source).passed == 2
    outcome = run(source, "--devsession-scope=function")
    assert (outcome.passed, outcome.failed) == (1, 1), outcome
    assert run(source, DEVSESSION_SCOPE="function").failed == 1
    assert run(source, "-o", "devsession_scope=function").failed == 1
    assert run(source, "-o", "devsession_scope=function", DEVSESSION_SCOPE="module").failed == 0


def test_async_tests_have_the_async_board(run: Run):
    source = """
import asyncio

MARK

async def test_session(board_session, board):
    await board_session.exec("x = [1, 2]")
    assert await board_session.eval("x") == [1, 2]
    async with asyncio.timeout(5):
        assert "".join([text async for text in board.stream("print('a'); print('b')")]) == "a\\nb\\n"
    assert (await board.exec("6 * 7")).value == 42

async def test_manager(board_manager):
    async with board_manager.session("mine") as session:
        @session.method
        def double(n):
            return 2 * n
        assert await double(21) == 42
        led = await session.part.pin(2, "OUT")
        await led.value(1)
        assert await led.value() == 1
        await session.files.write_bytes("/a.txt", b"abc")
        assert await session.files.read_bytes("/a.txt") == b"abc"
        ref = await session.ref("[1, 2]")
        assert await ref[1] == 2
    assert board_manager.capabilities.supports("micropython")

async def test_cancelling_reaches_the_board(board):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await board.exec("while True: pass")
    assert await board.eval("1") == 1

def test_sync_beside_it(board):
    assert board.eval("1") == 1
"""
    outcome = run(source.replace("MARK", ""), "--asyncio-mode=auto")
    assert outcome.passed == 4, outcome
    anyio = 'pytestmark = pytest.mark.anyio\n@pytest.fixture\ndef anyio_backend():\n    return "asyncio"\n'
    assert run(source.replace("MARK", anyio), "--asyncio-mode=strict").passed == 4


def test_fixtures_of_the_users_own(run: Run):
    outcome = run(
        """
from devsession.sync.awaited import awaited

@pytest.fixture(scope="module")
def bench(board_manager):
    with board_manager.session("bench") as session:
        session.exec("table = [1, 2]")
        yield session

@pytest.fixture
async def pin(board_session):
    return await awaited(board_session).part.pin(2, "OUT")

def test_plain(bench):
    assert bench.eval("table") == [1, 2]

async def test_async(bench, pin):
    assert await bench.eval("table") == [1, 2]
    await pin.value(1)
    assert await pin.value() == 1

class TestMethod:
    async def test_events(self, board_session):
        async with board_session.events() as events:
            await board_session.exec("devsession_helper.emit(3)")
            async for event in events:
                assert event.value == 3
                break
        async with board_session.start("print('a')\\nwhile True: pass") as running:
            assert await running.__anext__() == b"a\\n"
""",
        "--asyncio-mode=auto",
    )
    assert outcome.passed == 3, outcome


def test_several_boards(run: Run):
    outcome = run("""
@pytest.mark.devsession(count=2)
def test_two(boards, board):
    boards[0].exec("x = 1")
    assert not boards[1].eval("'x' in globals()")
    assert board == boards[0]

@pytest.mark.devsession(roles={"sender": "UART", "receiver": ["UART", "micropython"]})
def test_roles(boards):
    assert {name: board.eval("6 * 7") for name, board in boards.items()} == {"sender": 42, "receiver": 42}
""")
    assert outcome.skipped == 1 or outcome.passed == 2, outcome


def test_what_no_board_has_is_skipped_with_its_reason(run: Run):
    source = """
@pytest.mark.devsession(requires="warp_drive")
@pytest.mark.parametrize("n", [1, 2])
def test_never(board, n):
    pass

@pytest.mark.devsession(firmware="micropython>=99")
def test_newer(board):
    pass

@pytest.mark.devsession(firmware="micropython>=1.19,<99", requires=["micropython"])
def test_now(board):
    pass

@pytest.mark.devsession_real
def test_real(board):
    pass
"""
    outcome = run(source, "-rs", "--devsession=sim")
    assert (outcome.code, outcome.passed, outcome.skipped) == (0, 1, 4), outcome
    assert "sim: has no warp_drive" in outcome.text
    assert "not micropython>=99" in outcome.text
    assert "no real board" in outcome.text
    strict = run(source, "--devsession=sim", "--devsession-strict")
    assert (strict.passed, strict.errors) == (1, 4), strict
    assert run(source, "--devsession=off").skipped == 5
    assert run(source, "--collect-only").code == 0


def test_a_marker_that_cannot_be_is_an_error(run: Run):
    outcome = run("""
@pytest.mark.devsession(port="rp2")
def test_it(board):
    pass
""")
    assert outcome.code != 0
    assert "port" in outcome.text


def test_a_reset_before_the_test(run: Run):
    outcome = run("""
def test_one(board):
    board.exec("kept = 1")

@pytest.mark.devsession_reset
def test_two(board):
    assert not board.eval("'kept' in globals()")

@pytest.mark.devsession_reset("soft")
def test_three(board_session):
    assert board_session.eval("1") == 1
""")
    assert outcome.passed == 3, outcome
