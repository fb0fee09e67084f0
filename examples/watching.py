"""Let a board start by itself, wait for what it prints, then take over."""

import asyncio
import tempfile
from pathlib import Path

from devsession import Reset, connect

MAIN = """
import time
n = 0
print('booting')
time.sleep(0.2)
print('ready, 3.30 V')
while True:
    n += 1
    time.sleep(0.01)
"""


async def main(files: Path) -> None:
    async with connect(f"sim:?root={files}") as board:
        await board.boot(Reset.SOFT)
        ready = await board.expect(r"ready, ([\d.]+) V", timeout=5)
        print("it started by itself, at", ready[1], "V; before that it said:", ready.before.split()[-1])
        await board.attach()
        print("main.py was interrupted while it counted:", await board.eval("n >= 0"))
        report = await board.reset()
        print(f"a {report.kind.value} reset: boot.py {report.boot.value}, main.py {report.main.value}")


with tempfile.TemporaryDirectory() as directory:
    Path(directory, "main.py").write_text(MAIN)
    asyncio.run(main(Path(directory)))
