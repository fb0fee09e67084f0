"""Real firmware under emulation: what it answers to the byte, how it is interrupted and reset, and what is left when it is closed."""

import pytest
from console import PROMPT, RAW, Console
from vectors import ACCEPTED, MARK, SYNTAX, marked, on_boards, without_paste

from devsession.errors import EmulatorNotFoundError, LinkLostError, SimulatorError
from devsession.simulator.board import SimulatedBoard
from devsession.simulator.emulation import board as emulation
from devsession.simulator.emulation import machines, qemu
from devsession.simulator.emulation.machines import Machine

pytestmark = pytest.mark.usefixtures("emulators")
MARKED = marked(b"\r\n")
BOTH = pytest.mark.parametrize("url", ["sim:microbit", "sim:mps2"])
VECTORS = [
    pytest.param(url, *vector, id=f"{url[4:]} {name}")
    for url, vectors in (("sim:microbit", without_paste()), ("sim:mps2", on_boards()))
    for name, vector in vectors.items()
]


@pytest.fixture
def attached(opened):
    async def attach(url: str) -> Console:
        console = await opened(url)
        await console.until(PROMPT)
        await console.enter_raw()
        return console

    return attach


@pytest.mark.parametrize(("url", "written", "answer"), VECTORS)
async def test_raw_mode_answers_to_the_byte(attached, url: str, written: bytes, answer: bytes):
    board = await attached(url)
    assert await board.say(written + MARK, MARKED) == answer + MARKED


@BOTH
async def test_entering_and_leaving(opened, url: str):
    board = await opened(url)
    greeting = await board.until(PROMPT)
    assert b"MicroPython v1." in greeting
    assert b"qemu" not in greeting
    assert await board.say(b"\r\x03\r\x01", RAW) == b"\r\n>>> \r\n>>> \r\n>>> \r\n" + RAW
    assert (await board.say(b"\x02", PROMPT)).endswith(b'\r\nType "help()" for more information.\r\n>>> ')


@pytest.mark.parametrize(
    ("url", "said"), [("sim:microbit", b"soft reboot"), ("sim:mps2", b"MPY: soft reboot")]
)
async def test_a_soft_reset_keeps_files_and_nothing_else(attached, url: str, said: bytes):
    board = await attached(url)
    await board.run("x = 1\nf = open('kept.txt', 'w')\nf.write('here')\nf.close()")
    assert await board.say(b"\x04", RAW) == b"OK\r\n" + said + b"\r\n" + RAW
    assert await board.run("print('x' in globals(), open('kept.txt').read())") == ("False here\r\n", "")


async def test_the_micro_bit_is_interrupted(attached):
    board = await attached("sim:microbit")
    await board.say(b"print('go')\nwhile True: pass\x04", b"go\r\n")
    assert b"KeyboardInterrupt" in await board.say(b"\x03", b"\x04>")
    assert await board.value("6 * 7") == "42\r"


async def test_the_micro_bit_gets_every_byte_of_what_fills_its_heap(attached):
    board = await attached("sim:microbit")
    lines = "".join(f"a={n}\n" for n in range(100, 300))
    for _ in range(3):
        assert await board.run(lines + "#" * 2000 + "\nprint(a)") == ("299\r\n", "")


@BOTH
async def test_the_reset_button_ends_what_nothing_else_does(attached, url: str):
    board = await attached(url)
    await board.say(b"print('go')\nwhile True: pass\x04", b"go\r\n")
    await board.link.reset_board()
    await board.until(PROMPT)
    await board.enter_raw()
    assert await board.value("6 * 7") == "42\r"


@BOTH
async def test_it_resets_itself_as_often_as_it_likes(attached, url: str):
    board = await attached(url)
    for _ in range(8):
        await board.say(b"import machine\nmachine.reset()\x04", PROMPT)
        await board.enter_raw()
    assert await board.value("'machine' in globals()") == "False\r"


async def test_a_command_larger_than_the_heap_is_a_reset_of_the_mps2(attached):
    board = await attached("sim:mps2")
    await board.run("import gc\nfilling = bytearray(gc.mem_free() - 40000)")
    board.link.write(b"#" * 50_000 + b"\x04")
    await board.until(PROMPT)
    await board.enter_raw()
    assert await board.value("6 * 7") == "42\r"


async def test_the_mps2_aborts_a_paste_at_once(attached):
    board = await attached("sim:mps2")
    assert await board.say(b"\x05A\x01x=)\nprint(1)\n", ACCEPTED + b"\x04") == ACCEPTED + b"\x04"
    assert await board.say(b"\x04", b"\x04>") == SYNTAX


async def test_the_mps2_has_a_disk(attached):
    board = await attached("sim:mps2")
    assert await board.run("import os, sys\nprint(os.listdir(), os.statvfs('/')[:3], sys.path)") == (
        "[] (4096, 4096, 64) ['', '.frozen', '/lib']\r\n",
        "",
    )
    await board.run("os.mkdir('/lib')\nwith open('/lib/m.py', 'wb') as f: f.write(b'y = 5')")
    assert await board.run("import m\nprint(m.y, os.stat('/lib/m.py')[6])") == ("5 5\r\n", "")


async def test_a_missing_emulator_names_its_package(monkeypatch):
    monkeypatch.setattr(qemu.shutil, "which", lambda name: None)
    with pytest.raises(EmulatorNotFoundError, match="sudo apt install qemu-system-arm"):
        await SimulatedBoard("sim:microbit").prepare()


async def test_a_missing_firmware_says_how_it_is_built(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(EmulatorNotFoundError, match="make firmware"):
        await SimulatedBoard("sim:mps2").prepare()


def run_instead(monkeypatch, tmp_path, *arguments: str) -> SimulatedBoard:
    async def image(progress):
        return tmp_path / "none.elf"

    monkeypatch.setitem(machines.MACHINES, "mps2", Machine(arguments, image, baud=115200))
    return SimulatedBoard("sim:mps2")


async def test_what_qemu_says_when_it_does_not_start_is_told(monkeypatch, tmp_path):
    link = run_instead(monkeypatch, tmp_path, "-M", "mps2-an385", "-kernel", "{firmware}")
    with pytest.raises(SimulatorError, match=r"none\.elf"):
        await link.open(Console(link))


async def test_firmware_that_stays_silent_is_not_waited_for(monkeypatch, tmp_path):
    monkeypatch.setattr(emulation, "START_TIMEOUT", 0.3)
    # Without a kernel the machine is stopped before it begins.
    link = run_instead(monkeypatch, tmp_path, "-M", "mps2-an385", "-S")
    with pytest.raises(SimulatorError, match="did not start"):
        await link.open(Console(link))


async def test_a_board_that_does_not_come_up_again_is_lost(monkeypatch, opened):
    board = await opened("sim:microbit")
    await board.until(PROMPT)
    instance = board.link._instance
    instance._argv = (*instance._argv, "-no-such-option")
    instance.reset()
    lost = await board.until_lost()
    assert isinstance(lost, LinkLostError)
    assert "does not come up" in str(lost)
