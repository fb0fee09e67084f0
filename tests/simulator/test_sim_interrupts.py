"""Ctrl-C at random moments of programs that do all kinds of things: usable afterwards, or a reset was printed; never silence."""

import asyncio
import collections
import random

import pytest
from console import PROMPT, RAW, Console

PROGRAMS = {
    "allocates": "a = []\nwhile True:\n a.append(bytearray(50))\n if len(a) > 2000: a = []\n",
    "makes names": "class A: pass\na = A()\ni = 0\nwhile True:\n i += 1\n setattr(a, 'name%d' % (i % 300), i)\n",
    "compiles": "while True: exec('def f(a, b):\\n return a + b\\nx = [f(1, 2) for _ in range(5)]', {})\n",
    "collects": "import gc\na = [[i] for i in range(3000)]\nwhile True: gc.collect()\n",
    "prints": "i = 0\nwhile True:\n i += 1\n print('line', i)\n",
    "writes files": "import os\nwhile True:\n with open('/t', 'w') as f: f.write('x' * 100)\n os.stat('/t'); os.remove('/t')\n",
    "sleeps": "import time\nwhile True: time.sleep(0.001)\n",
    "reads": "import sys\nwhile True: sys.stdin.read(1)\n",
}
EACH = 50
# A Ctrl-C in the first milliseconds of a command is eaten as data, as on boards: it is repeated.
REPEAT = 0.3
# The program has ended; a reset that the board came back from in raw mode; one where the interpreter was gone and a new one was started.
ENDS = (b"\x04>", RAW, b"\r\n" + PROMPT)
USABLE = "x = [i for i in range(2000)]\nprint(sum(x))"


async def interrupt(board: Console) -> bytes:
    for _ in range(10):
        board.link.write(b"\x03")
        try:
            async with asyncio.timeout(REPEAT):
                while not board.seen.endswith(ENDS):
                    await asyncio.sleep(0)
        except TimeoutError:
            continue
        answer = bytes(board.seen)
        board.seen.clear()
        return answer
    raise AssertionError(f"not interrupted; last seen {bytes(board.seen[-200:])!r}")


@pytest.mark.parametrize("name", PROGRAMS)
async def test_interrupted_at_random_moments(raw: Console, name: str):
    chance = random.Random(name)
    seen: collections.Counter[str] = collections.Counter()
    for _ in range(EACH):
        raw.link.write(PROGRAMS[name].encode() + b"\x04")
        await asyncio.sleep(0.001 + chance.random() * 0.01)
        answer = await interrupt(raw)
        if answer.endswith(ENDS[0]):
            seen["interrupted"] += 1
            assert b"KeyboardInterrupt" in answer
        else:
            seen["reset"] += 1
            if answer.endswith(PROMPT):
                await raw.enter_raw()
        assert await raw.run(USABLE) == ("1999000\n", "")
    print(f"{name}: {dict(seen)}")
    assert seen["interrupted"] > EACH * 0.9, seen


async def test_interrupts_at_the_prompt_and_around_the_end_of_a_program(raw: Console):
    chance = random.Random(1)
    for _ in range(150):
        raw.link.write(b"pass\x04")
        await asyncio.sleep(chance.random() * 0.0006)
        raw.link.write(b"\x03")
        await raw.until(b"\x04>")
        # What is still coming belongs to this command, as the line is cleared by Ctrl-C.
        raw.link.write(b"\x03print('m'*3)\x04")
        assert b"mmm\n\x04\x04>" in await raw.until(b"mmm\n\x04\x04>")


async def test_a_program_that_catches_the_interrupt_goes_on(raw: Console):
    raw.link.write(
        b"import time\nwhile True:\n try: time.sleep(0.01)\n except KeyboardInterrupt: print('caught')\n\x04"
    )
    await raw.until(b"OK")
    for _ in range(20):
        await asyncio.sleep(0.02)
        assert (await raw.say(b"\x03", b"caught\n")) == b"caught\n"
