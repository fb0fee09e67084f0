"""Many sessions at once: one in the foreground, others run on, ask for input, sleep on the host. On two simulated boards, or those named.

python examples/coordinator.py [/dev/ttyACM0 ...]
"""

import asyncio
import sys

from devsession import CoordinatedState, MultiSessionCoordinator, SessionEvent

MEASURING = """
total = 0
for n in range(3):
    total += n
    print('measured', n)
"""


def tell(event: SessionEvent) -> None:
    """Show what a session has come to do."""
    if isinstance(event.after, CoordinatedState):
        print("  ", event.name, "is", event.after.value)


async def main(boards: dict[str, str]) -> None:
    """Three sessions on the boards given."""
    async with MultiSessionCoordinator(boards) as coordinator:
        coordinator.changes.add(tell)
        measuring = await coordinator.create("measuring")
        await coordinator.create("asking")
        await coordinator.send(MEASURING, "measuring", wait=False)  # it runs on in the background

        coordinator.switch("asking")
        await coordinator.send("name = input('your name? ')\nprint('hello', name)")
        (asking,) = coordinator.list(waiting=True)
        print(asking.name, "waits, and asks:", asking.prompt)
        await coordinator.send("Ada")  # the line typed
        print(asking.buffer.tail(1), end="")

        await measuring.reached(CoordinatedState.ACTIVE)
        print(coordinator.switch("measuring").buffer.replay(), end="")
        carried = await coordinator.hibernate()  # its board is free of it
        print("on the host:", carried.values)
        await coordinator.resume()
        print("and back:", (await coordinator.run("total")).value)


named = sys.argv[1:]
asyncio.run(main({url: url for url in named} or {"alpha": "sim:", "beta": "sim:"}))
