"""Cassettes: what was recorded on a real interpreter plays again without one, and differences are told."""

import asyncio
import json
import re
import time
from pathlib import Path

import pytest

from devsession import connect
from devsession.board.board import Board
from devsession.cassette import tape
from devsession.cassette.masks import Masks
from devsession.cassette.recorder import SAME_ENTRY
from devsession.errors import (
    CassetteEndedError,
    CassetteFormatError,
    CassetteMismatchError,
    CassetteUnplayedError,
    DeadlineError,
    DeviceError,
    LinkError,
    LinkLostError,
    UsageError,
)


@pytest.fixture
def cassette(tmp_path: Path) -> Path:
    return tmp_path / "board.cassette"


async def everything(board: Board) -> list[object]:
    """Do a little of all that can be done, and return what came of it."""
    seen: list[object] = [await board.eval("[1.5, b'\\x00\\xff', {'a': (None,)}]")]
    seen.append((await board.exec("print('\\x04>\\xff', 'ä')")).output)
    seen.append((await board.exec("big = '" + "y" * 5000 + "'\nprint(len(big))")).output)
    with pytest.raises(DeviceError) as caught:
        await board.exec("def f():\n  {}['key']\nf()")
    seen.append(caught.value.traceback)
    with pytest.raises(DeadlineError):
        await board.exec("print('on')\nwhile True: pass", timeout=0.2)
    async for text in board.stream("while True: print('x')"):
        seen.append(text[:1])
        break
    await board.soft_reset()
    seen.append(await board.eval("'big' in globals()"))
    return seen


async def test_what_was_recorded_plays_again(cassette: Path):
    async with connect("sim:", record=cassette) as board:
        recorded = await everything(board)
    async with connect(f"replay:{cassette}") as board:
        assert await everything(board) == recorded
        assert board.identity.startswith("replay:sim:")


async def test_playing_is_the_same_every_time(cassette: Path):
    async with connect("sim:", record=cassette) as board:
        recorded = await everything(board)
    for _ in range(10):
        async with connect(f"replay:{cassette}") as board:
            assert await everything(board) == recorded


async def test_several_links_play_in_their_order(cassette: Path):
    for number in range(3):
        async with connect("sim:", record=cassette) as board:
            assert await board.eval(f"{number} + 1") == number + 1
    for number in range(3):
        async with connect(f"replay:{cassette}") as board:
            assert await board.eval(f"{number} + 1") == number + 1


async def test_time_is_skipped_or_kept(cassette: Path):
    async with connect("sim:", record=cassette) as board:
        await board.exec("import time\ntime.sleep(0.5)")
    begun = time.monotonic()
    async with connect(f"replay:{cassette}") as board:
        await board.exec("import time\ntime.sleep(0.5)")
    assert time.monotonic() - begun < 0.4
    begun = time.monotonic()
    async with connect(f"replay:{cassette}?timing=kept") as board:
        await board.exec("import time\ntime.sleep(0.5)")
    assert time.monotonic() - begun > 0.4


async def test_a_difference_shows_the_line(cassette: Path):
    async with connect("sim:", record=cassette) as board:
        await board.exec("x = 1\ny = 2\nprint(x + y)")
    with pytest.raises(CassetteMismatchError) as caught:
        async with connect(f"replay:{cassette}") as board:
            await board.exec("x = 1\ny = 3\nprint(x + y)")
    assert (caught.value.recorded, caught.value.written, caught.value.number) == ("y = 2", "y = 3", 1)
    assert "- line 2    y = 2\n  + line 2    y = 3" in str(caught.value)


async def test_doing_more_or_less_than_then(cassette: Path):
    async with connect("sim:", record=cassette) as board:
        await board.exec("x = 1")
        await board.exec("x = 2")
    with pytest.raises(CassetteUnplayedError, match="x = 2"):
        async with connect(f"replay:{cassette}") as board:
            await board.exec("x = 1")
    cut = cassette.read_text().split('"exec":2')[0].rpartition("\n")[0] + "\n"
    cassette.with_name("cut").write_text(cut)
    with pytest.raises(CassetteEndedError, match="x = 2"):
        async with connect(f"replay:{cassette}.cut".replace("board.cassette.cut", "cut")) as board:
            await board.exec("x = 1")
            await board.exec("x = 2")


async def test_a_secret_never_reaches_the_disk(cassette: Path):
    def program(secret: str) -> str:
        return f"password = {secret!r}\nprint('using', password)"

    async with connect("sim:", record=cassette, mask=["hunter2", re.compile(r"[0-9a-f]{16}")]) as board:
        await board.exec(program("hunter2"))
        assert await board.eval("password") == "hunter2"
        assert await board.eval("[password, 5]") == ["hunter2", 5]
        unique = await board.eval("__import__('machine').unique_id().hex()")
    kept = cassette.read_text()
    assert "hunter2" not in kept
    assert unique not in kept
    assert "*******" in kept
    # Any other secret of that length plays, and what the board said of it is masked, and still a valid value.
    async with connect(f"replay:{cassette}") as board:
        assert (await board.exec(program("another"))).output == "using *******\n"
        assert await board.eval("password") == "*******"
        assert await board.eval("[password, 5]") == ["*******", 5]
        assert await board.eval("__import__('machine').unique_id().hex()") == "*" * 16


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no whole line"),
        ("hello\n", "is no cassette"),
        ('{"cassette":99,"devsession":"9.0"}\n', "format 99, written by devsession 9.0"),
        ('{"cassette":1}\n', "nothing was recorded"),
        ('{"cassette":1}\n{"t":0,"to":5}\n', "damaged in line 2: to is 5"),
        ('{"cassette":1}\n{"t":0,"to":\n', "damaged in line 2"),
        ('{"cassette":1}\n{"t":0,"from":"x"}\n', "link 1 was not opened"),
    ],
)
async def test_what_is_no_cassette_is_told(cassette: Path, text: str, said: str):
    cassette.write_text(text)
    with pytest.raises(CassetteFormatError, match=said):
        connect(f"replay:{cassette}")


async def test_a_missing_cassette_and_a_wrong_url(cassette: Path):
    with pytest.raises(CassetteFormatError, match="cannot be read"):
        connect(f"replay:{cassette}")
    for url in ("replay:", f"replay:{cassette}?timing=often", f"replay:{cassette}?speed=2"):
        with pytest.raises(UsageError):
            connect(url)


async def test_a_file_that_is_no_cassette_is_not_overwritten(cassette: Path):
    cassette.write_text("important\n")
    with pytest.raises(CassetteFormatError, match="not overwritten"):
        async with connect("sim:", record=cassette):
            pass
    assert cassette.read_text() == "important\n"


async def test_a_recording_survives_its_recorders_death(cassette: Path):
    async with connect("sim:", record=cassette) as board:
        await board.exec("x = 1")
        # What a killed process leaves: whole lines, and perhaps half of one. The last is written when nothing more of it can come.
        await asyncio.sleep(2 * SAME_ENTRY)
        left = cassette.read_text()
        assert "x = 1" in left
    cassette.write_text(left + '{"t":1,"fro')
    assert tape.read(cassette).cut
    async with connect(f"replay:{cassette}") as board:
        await board.exec("x = 1")
        with pytest.raises(LinkError, match="whoever recorded it ended there"):
            await board.exec("x = 2")


def test_every_byte_has_a_form_and_comes_back():
    data = bytes(range(256)) * 2 + "ä€\U0001f40d".encode()
    line = tape.to_line({"to": tape.to_text(data)})
    assert tape.to_bytes(json.loads(line)["to"]) == data
    assert line.isascii() or line.isprintable() or "\x1b" not in line


def test_masks_find_texts_in_every_form():
    masks = Masks(['a"\\ä', b"\x00\xff"])
    for form in ('a"\\ä'.encode(), b'"a\\\\"', repr('a"\\ä').encode(), b"\x00\xff", b"\\x00\\xff"):
        found = masks.find(b"<" + form + b">")
        assert found or form == b'"a\\\\"', form
    with pytest.raises(UsageError):
        Masks([""])


async def test_a_link_that_was_lost_is_lost_again(cassette: Path):
    async with connect("sim:", record=cassette) as board:
        await board.exec("x = 1")
        link = board._prompt.wire.transport
        link.connection_lost(LinkLostError("pulled"))
        link._inner.abort()
    assert tape.read(cassette).links[0].entries[-1].kind == "lost"
    async with connect(f"replay:{cassette}") as board:
        await board.exec("x = 1")
        with pytest.raises(LinkLostError, match="pulled"):
            await board.exec("x = 2")
