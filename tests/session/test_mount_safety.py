"""What must not happen when a board sees a directory of this side: a way out of it, a wire out of order, a wrong byte."""

import asyncio
import os
import random
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from devsession import DeadlineError, DeviceError, DeviceSession, DeviceSessionManager, Mount
from devsession.protocol.requests import Request
from devsession.protocol.segments import Coding
from devsession.session.files.mount_service import MountService
from devsession.session.files.transfer_code import Check, Form

DATA = random.Random(8).randbytes(40_000)


@pytest.fixture
def shown(tmp_path: Path) -> Path:
    folder = tmp_path / "shown"
    folder.mkdir()
    (folder / "data.bin").write_bytes(DATA)
    (folder / "text").write_text("seen")
    return folder


@pytest.fixture
async def session(manager: DeviceSessionManager) -> DeviceSession:
    return manager.create_session()


@pytest.fixture
async def mount(session: DeviceSession, shown: Path) -> Mount:
    mount = await session.mount(shown, writable=True)
    await session.exec("import os, sys\ndef whole(): return len(open('/remote/data.bin', 'rb').read())")
    return mount


async def errno_of(session: DeviceSession, program: str) -> int | None:
    with pytest.raises(DeviceError) as caught:
        await session.exec(program)
    assert caught.value.kind == "OSError", caught.value
    return caught.value.errno


async def is_in_order(session: DeviceSession) -> None:
    """See that the mount answers rightly, and that the prompt had nothing to read but what it was sent."""
    assert await session.eval("(whole(), open('/remote/text').read())") == (len(DATA), "seen")
    assert b"Error" not in bytes(session.board.background)


# No way out


@pytest.fixture
def outside(tmp_path: Path, shown: Path) -> Path:
    """A file that is not shown, and every link to it that could be."""
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (tmp_path / "folder").mkdir()
    (shown / "link").symlink_to(secret)
    (shown / "relative").symlink_to("../secret")
    (shown / "folder").symlink_to(tmp_path)
    (shown / "dangling").symlink_to(tmp_path / "made_by_the_board")
    (shown / "loop").symlink_to("loop")
    (shown / "inner").symlink_to("text")
    os.mkfifo(shown / "pipe")
    return secret


@pytest.mark.usefixtures("mount")
async def test_paths_and_links_do_not_lead_out(session: DeviceSession, tmp_path: Path, outside: Path):
    before = sorted(tmp_path.rglob("*"))
    for name in ("link", "relative", "folder/secret", "dangling"):
        for mode in ("r", "w", "a", "r+"):
            assert await errno_of(session, f"open('/remote/{name}', {mode!r})") == 13, (name, mode)
    assert await errno_of(session, "os.listdir('/remote/folder')") == 13
    assert await errno_of(session, "os.chdir('/remote/folder')") == 13
    assert await errno_of(session, "os.mkdir('/remote/folder/made')") == 13
    assert await errno_of(session, "os.remove('/remote/folder/secret')") == 13
    assert await errno_of(session, "os.rename('/remote/text', '/remote/folder/text')") == 13
    assert await errno_of(session, "os.rename('/remote/folder/secret', '/remote/secret')") == 13
    assert await errno_of(session, "open('/remote/loop')") in {2, 40}
    # Dots stop at the root of what is shown.
    for path in ("../secret", "../../../../etc/passwd", "/../secret", f"..{outside}"):
        assert await errno_of(session, f"open('/remote/{path}')") == 2, path
    assert await errno_of(session, "open('/remote/te\\0xt')") in {2, 22}
    assert await errno_of(session, "open('/remote/' + 'x' * 2000)") == 36
    assert await errno_of(session, "os.rmdir('/remote')") == 16
    assert sorted(tmp_path.rglob("*")) == before
    assert outside.read_text() == "secret"


@pytest.mark.usefixtures("mount", "outside")
async def test_links_within_are_followed_and_those_out_are_not_listed(session: DeviceSession, shown: Path):
    assert await session.eval("sorted(os.listdir('/remote'))") == ["data.bin", "inner", "text"]
    assert await session.eval("open('/remote/inner').read()") == "seen"
    # A link may be removed: itself, not what it leads to.
    await session.exec("os.remove('/remote/inner')\nos.remove('/remote/link')")
    assert not (shown / "link").is_symlink()
    assert (shown / "text").exists()


@pytest.mark.usefixtures("mount", "outside")
async def test_pipes_and_sockets_are_waited_for_by_nobody(session: DeviceSession, shown: Path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(shown / "socket"))
        for name in ("pipe", "socket"):
            for mode in ("r", "w", "r+"):
                assert await errno_of(session, f"open('/remote/{name}', {mode!r})") == 13


async def test_names_that_are_no_text_are_not_shown(session: DeviceSession, shown: Path, mount: Mount):
    (shown / os.fsdecode(b"not \xff text")).touch()
    (shown / "line\nend").touch()
    assert await session.eval("sorted(os.listdir('/remote'))") == ["data.bin", "text"]


async def test_a_directory_that_is_too_large_is_not_listed(
    session: DeviceSession, mount: Mount, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("devsession.session.files.shown.LISTED_MOST", 1)
    assert await errno_of(session, "os.listdir('/remote')") == 27


HOSTILE = [
    (),
    (1,),
    ("/text",),
    ("/text", "r"),
    (1, 2),
    (1, -1, 10),
    (1, 2**70, 100),
    (1, 0, "no base64!"),
    ("/text", "r", -5),
    ("\udcff",),
]


def test_what_no_board_of_ours_asks_is_refused(shown: Path):
    from devsession.session.files.shown import Shown

    form = Form(Coding.BINARY, Check.CRC32, 512)
    service = MountService(Shown(shown, writable=False), form, Coding.BASE64, 512, 1970)
    service(Request(1, 1, "o", ("/data.bin", "r", 512)))
    for verb in [*service._verbs, "?", "__call__"]:
        for arguments in HOSTILE:
            assert service(Request(2, 1, verb, arguments)).startswith(b"\x10A0002")
            assert service(Request(-1, 1, verb, arguments))
    for path in ("/te\0xt", "\udcff", "/line\nend"):
        assert service(Request(3, 1, "o", (path, "r", 512))) == b"\x10A0003001600000016"
    service.close()


# The wire stays in order


@pytest.mark.usefixtures("mount")
async def test_output_does_not_break_it(session: DeviceSession):
    """All that could look like a record, an answer, the raw REPL or mpremote's protocol is printed between requests."""
    noise = b"\x18\x04>\x1e1.1.Q5.(1,2).99\x1f\x10A0001\x04\x04>>>> OK\x01\x02\x05" + bytes(range(256))
    noise = bytes(byte for byte in noise if byte != 3)
    program = (
        f"n = {noise!r}\nfor _ in range(30):\n sys.stdout.buffer.write(n)\n f = open('/remote/data.bin', 'rb')\n f.seek(30000)\n"
        " sys.stdout.buffer.write(n)\n s = sum(f.read(9000))\n sys.stdout.buffer.write(n)\n"
    )
    execution = await session.exec(program)
    assert execution.output_bytes == noise * 90
    assert await session.eval("s") == sum(DATA[30000:39000])
    await is_in_order(session)


@pytest.mark.usefixtures("mount")
async def test_threads_that_print_do_not_break_it(session: DeviceSession):
    await session.exec(
        "import _thread, time\ngo = [1]\ndef chatter():\n while go: print('x' * 100)\n"
        "_thread.start_new_thread(chatter, ())\nt = 0\nfor _ in range(10): t += whole()\ngo.clear()\ntime.sleep(.1)"
    )
    assert await session.eval("t") == 10 * len(DATA)


@pytest.mark.usefixtures("mount")
async def test_what_nobody_would_answer_fails_at_once(session: DeviceSession):
    """A thread while a program runs, a thread behind its end: neither waits, and nothing is left at the prompt."""
    await session.exec(
        "import _thread, time\no = []\ndef ask(wait):\n time.sleep(wait)\n try: o.append(os.stat('/remote/text'))\n"
        " except OSError as e: o.append(e.errno)\n"
        "_thread.start_new_thread(ask, (0,))\ntime.sleep(.05)\n_thread.start_new_thread(ask, (.1,))"
    )
    await asyncio.sleep(0.4)
    assert await session.eval("o") == [16, 19]
    assert b"\x1e" not in bytes(session.board.background)
    await is_in_order(session)


@pytest.mark.usefixtures("mount")
async def test_a_callback_asks_between_requests(session: DeviceSession):
    await session.exec(
        "import time, machine\no = []\ndef ask(_):\n try: o.append(open('/remote/text').read())\n"
        " except OSError as e: o.append(e.errno)\n"
        "t = machine.Timer(-1, period=2, callback=ask)\nfor _ in range(30): assert whole() == 40000\ntime.sleep(.05)\nt.deinit()"
    )
    answered = await session.eval("o")
    assert set(answered) <= {"seen", 16}
    assert "seen" in answered
    await is_in_order(session)


@pytest.mark.parametrize("how", ["interrupted", "cancelled", "too late", "caught"])
@pytest.mark.usefixtures("mount")
async def test_interrupts_at_any_moment(session: DeviceSession, how: str):
    rng = random.Random(how)
    board = session.board
    await session.exec(
        "def work():\n while 1:\n  whole()\n  os.listdir('/remote')\n  with open('/remote/new', 'w') as f: f.write('x' * 999)\n"
        "def twice():\n try: work()\n except KeyboardInterrupt: pass\n try: work()\n except KeyboardInterrupt: pass\n"
    )
    for _ in range(15):
        delay = rng.uniform(0.003, 0.02)
        if how == "too late":
            with pytest.raises(DeadlineError):
                await session.exec("work()", timeout=delay)
        else:
            task = asyncio.ensure_future(session.exec("twice()" if how == "caught" else "work()"))
            await asyncio.sleep(delay)
            if how == "cancelled":
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            elif how == "interrupted":
                board.interrupt()
                with pytest.raises(DeviceError, match="KeyboardInterrupt"):
                    await task
            else:
                board.interrupt()
                await asyncio.sleep(rng.uniform(0, 0.02))
                board.interrupt()
                # Ctrl-C is sent until the program has ended: one of them may come behind its last `try`.
                with suppress(DeviceError):
                    await task
        await is_in_order(session)


# No wrong byte


def damaged(mount: Mount, damage: Callable[[bytes], bytes], verb: str = "r") -> None:
    """Have the next answer to that request, and only that, be damaged on its way."""
    service = mount._board._prompt.requests._services
    original = service[mount._number]

    def answer(request: Request) -> bytes:
        found = original(request)
        if request.verb != verb:
            return found
        service[mount._number] = original
        return damage(found)

    service[mount._number] = answer


@pytest.mark.parametrize(
    ("damage", "errno"),
    [
        pytest.param(lambda answer: answer[:5000] + b"?" + answer[5001:], 5, id="one byte flipped"),
        pytest.param(
            lambda answer: answer.replace(b"\x10A", b"\x10A" + b"junk\x10A", 1), None, id="doubled head"
        ),
        pytest.param(lambda answer: b"what an earlier one left" + answer, None, id="something before"),
        pytest.param(lambda answer: answer[:10] + b"ffff" + answer[14:], 5, id="a length that is too large"),
        pytest.param(lambda answer: answer[:10] + b"zzzz" + answer[14:], 0, id="no length"),
    ],
)
async def test_damage_on_the_way_is_an_error_or_nothing(
    session: DeviceSession, mount: Mount, damage: Callable[[bytes], bytes], errno: int | None
):
    damaged(mount, damage)
    if errno is None:
        assert await session.eval("whole()") == len(DATA)
    else:
        with pytest.raises(DeviceError) as caught:
            await session.exec("whole()")
        assert caught.value.errno == (errno or None)
    await is_in_order(session)


async def test_an_answer_that_never_comes_is_an_error_in_time(session: DeviceSession, mount: Mount):
    damaged(mount, lambda _: b"", "s")
    # Four seconds, and the program goes on.
    assert await errno_of(session, "os.stat('/remote/text')") == 110
    await is_in_order(session)


async def test_an_answer_in_the_middle_of_a_program_may_be_lost(session: DeviceSession, mount: Mount):
    """What comes of it later is not taken for another answer, and does not come to the prompt."""
    damaged(mount, lambda answer: answer[:-1])
    await session.exec("try: whole()\nexcept OSError as e: x = e.errno\nn = whole()")
    assert await session.eval("(x, n)") == (110, len(DATA))
    await is_in_order(session)
