"""Where the twin may be used from: several threads, a thread whose event loop runs, a forked child; and what a call costs."""

import asyncio
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from devsession import connect as connect_async
from devsession.errors import LinkClosedError, UsageError
from devsession.sync import Board, DeviceError, connect
from devsession.sync.loop_thread import current


def in_threads(*functions):
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_two_threads_share_one_board(board: Board):
    right: list[bool] = []

    def work(first: int) -> None:
        right.extend(board.eval(f"{n} * 2") == n * 2 for n in range(first, first + 100))

    in_threads(lambda: work(0), lambda: work(1000))
    assert right == [True] * 200


def test_one_thread_interrupts_the_program_of_another(board: Board):
    ended: list[BaseException] = []
    running = threading.Event()

    def work() -> None:
        try:
            for _ in board.stream("print('runs')\nwhile True: pass"):
                running.set()
        except DeviceError as error:
            ended.append(error)

    def interrupt() -> None:
        assert running.wait(10)
        assert board.interrupt()

    in_threads(work, interrupt)
    assert ended[0].kind == "KeyboardInterrupt"


def test_closing_ends_the_call_of_another_thread(board: Board):
    ended: list[BaseException] = []
    running = board.start("print('runs')\nwhile True: pass")
    running.expect("runs")

    def work() -> None:
        try:
            board.exec("1", timeout=None)
        except (LinkClosedError, UsageError) as error:
            ended.append(error)

    def close() -> None:
        board.close()

    in_threads(work, close)
    assert isinstance(ended[0], LinkClosedError)


async def test_it_works_where_a_loop_runs():
    with connect("sim:") as board:
        assert board.eval("6 * 7") == 42
    async with connect_async("sim:") as board:
        assert await board.eval("6 * 7") == 42


async def test_it_works_beside_a_loop():
    def work() -> object:
        with connect("sim:") as board:
            return board.eval("6 * 7")

    with ThreadPoolExecutor(1) as pool:
        assert await asyncio.get_running_loop().run_in_executor(pool, work) == 42


def test_a_call_in_the_loops_own_thread_is_refused_at_once(board: Board):
    def called_back() -> str:
        assert board.url == "sim:"  # what does not wait is allowed
        with pytest.raises(UsageError, match="would wait for itself"):
            board.eval("1")
        return "went on"

    assert current().ask(called_back) == "went on"


def bring_down() -> None:
    raise SystemExit(3)


def test_who_leaves_the_program_does_not_take_the_loop_along(board: Board):
    with pytest.raises(SystemExit):
        current().ask(bring_down)
    assert board.eval("6 * 7") == 42


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_loop_that_was_brought_down_is_told_and_followed_by_another():
    board = connect("sim:")
    board.attach()
    thread = current()
    thread._hand_over(bring_down)
    with pytest.raises((LinkClosedError, UsageError)):
        board.eval("1")
    thread._thread.join(10)
    with connect("sim:") as another:
        assert another.eval("6 * 7") == 42


FORKING = """
import os
from devsession.sync import UsageError, connect
with connect("sim:") as board:
    texts = board.stream("for n in range(3): print(n)")
    begun = next(texts)
    if not (child := os.fork()):
        try:
            board.eval("1")
        except UsageError as error:
            print(error, flush=True)
        with connect("sim:") as own:
            print("own", own.eval("6 * 7"), flush=True)
        del texts, board, own
        os._exit(0)
    os.waitpid(child, 0)
    print("parent", "".join([begun, *texts]).split(), board.eval("6 * 7"))
"""


def test_a_forked_child_cannot_use_its_parents_board_but_may_connect():
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKING],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    first, own, parent = done.stdout.splitlines()
    assert "opened before a fork" in first
    assert own == "own 42"
    assert parent == "parent ['0', '1', '2'] 42"


LEAVING = """
import sys
from devsession.sync import DeviceSessionManager
manager = DeviceSessionManager.open("sim:")
manager.connect()
manager.create_session().push_cleanup(lambda: print("given back", manager.board.eval("6 * 7")))
sys.exit(5)
"""


def test_the_end_of_the_interpreter_gives_back_what_is_open():
    done = subprocess.run(
        [sys.executable, "-c", LEAVING], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (5, "given back 42\n", "")


async def test_what_a_call_costs():
    calls = 200

    def measured(call: Callable[[], object]) -> float:
        times = []
        for _ in range(calls):
            begin = time.perf_counter()
            call()
            times.append(time.perf_counter() - begin)
        return statistics.median(times)

    with connect("sim:") as board:
        exec_here = measured(lambda: board.exec("1"))
        ask = measured(lambda: board.epoch)
    async with connect_async("sim:") as original:
        times = []
        for _ in range(calls):
            begin = time.perf_counter()
            await original.exec("1")
            times.append(time.perf_counter() - begin)
    exec_there = statistics.median(times)
    print(
        f"\nexec: {exec_there * 1e6:.0f} us awaited, {exec_here * 1e6:.0f} us here; a property: {ask * 1e6:.0f} us"
    )
