"""Simulated boards behind real servers: ser2net with RFC 2217 and plainly, and a plain TCP relay."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import ser2net
from relay import Relay, listening

from devsession import DeadlineError, DeviceError, LinkLostError, NegotiationError, RawReplError, connect
from devsession.simulator.interpreter import find_interpreter

STREAMED = 20_000_000


@pytest.fixture(scope="module", autouse=True)
def programs() -> None:
    # Fetched once, if at all, outside any test's deadline.
    asyncio.run(find_interpreter())
    ser2net.command()


@pytest.fixture(autouse=True)
def no_leaked_threads() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if not thread.name.startswith("asyncio_"):
            thread.join(1)
            assert not thread.is_alive()


@pytest.fixture
def served() -> Iterator[str]:
    """The terminal of a simulated board that another process serves."""
    with subprocess.Popen(
        [sys.executable, "-m", "devsession", "sim", "serve"], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()
            server.wait(10)


async def use(url: str) -> None:
    """Ask of a board what everybody asks."""
    async with connect(url) as board:
        assert await board.eval("6 * 7") == 42
        with pytest.raises(DeviceError, match="ZeroDivisionError"):
            await board.exec("1 / 0")
        text = os.urandom(4096).hex()
        assert (await board.exec(f"print('{text}')")).output.strip() == text
        assert await board.eval("bytes(range(256))") == bytes(range(256))
        with pytest.raises(DeadlineError):
            await board.exec("while True: pass", timeout=0.3)
        await board.exec("left = 1")
        await board.soft_reset()
        assert await board.eval("'left' in globals()") is False


async def test_a_board_behind_ser2net_plainly_and_with_rfc2217(served: str, tmp_path: Path):
    with ser2net.serving(served, tmp_path) as ports:
        await use(f"socket://127.0.0.1:{ports.raw}")
        # A PTY has no modem lines: the error names the cure, and the cure works.
        with pytest.raises(NegotiationError, match="no modem lines") as caught:
            await use(f"rfc2217://127.0.0.1:{ports.rfc2217}?timeout=0.5")
        hint = caught.value.hint
        assert hint == f"rfc2217://127.0.0.1:{ports.rfc2217}?ign_set_control&timeout=0.5"
        await use(hint)


async def test_the_second_client_of_a_server_that_allows_one(served: str, tmp_path: Path):
    with ser2net.serving(served, tmp_path) as ports:
        urls = (f"socket://127.0.0.1:{ports.raw}", f"rfc2217://127.0.0.1:{ports.rfc2217}?ign_set_control")
        for url in urls:
            async with connect(url, listen=True):
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "devsession", "-b", url, "exec", "1"), stderr=subprocess.PIPE
                )
                said = (await process.communicate())[1].decode()
            assert process.returncode in {3, 4}
            assert "one client" in said
            assert "Traceback" not in said


async def test_a_loop_is_told_as_what_it_is():
    async with connect("loop://", listen=True) as board:
        with pytest.raises(RawReplError, match="comes back") as caught:
            await board.attach(1)
    assert caught.value.verdict == "echo"


async def test_a_board_behind_a_plain_relay(served: str):
    async with listening(Relay(served)) as port:
        await use(f"socket://127.0.0.1:{port}")


async def test_twenty_megabytes_arrive_whole(served: str):
    async with listening(Relay(served)) as port, connect(f"socket://127.0.0.1:{port}") as board:
        size = 0
        async for text in board.stream(f"line = 'y' * 999\nfor _ in range({STREAMED // 1000}): print(line)"):
            size += len(text)
        assert size == STREAMED


@pytest.mark.parametrize("reset", [False, True])
async def test_a_connection_cut_in_the_middle_is_told(served: str, reset: bool):
    relay = Relay(served)
    async with listening(relay) as port:
        board = connect(f"socket://127.0.0.1:{port}")
        await board.attach()
        running = asyncio.create_task(board.exec("while True: print('x' * 99)", timeout=None))
        while relay.passed < 100_000:
            await asyncio.sleep(0.01)
        relay.cut(reset=reset)
        with pytest.raises(LinkLostError):
            await asyncio.wait_for(running, 5)
        await board.close()
