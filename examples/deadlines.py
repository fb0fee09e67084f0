"""Deadlines and cancellation reach the board: it is usable after both."""

import asyncio

from devsession import DeadlineError, connect


async def main() -> None:
    """Interrupt an endless program twice, in two ways."""
    async with connect("sim:") as board:
        try:
            await board.exec("while True: pass", timeout=0.5)
        except DeadlineError as error:
            print(error)

        task = asyncio.create_task(board.exec("while True: pass", timeout=None))
        await asyncio.sleep(0.2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        print("still there:", await board.eval("6 * 7"))


asyncio.run(main())
