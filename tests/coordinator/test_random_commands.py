"""Everything at once, at random moments: sessions stay usable, and nothing is left behind."""

import asyncio
import os
import random
from pathlib import Path

import pytest

from devsession.coordinator.coordinator import MultiSessionCoordinator
from devsession.coordinator.limits import SessionLimits
from devsession.coordinator.session import CoordinatedSession
from devsession.coordinator.states import TRANSITIONS, CoordinatedState, SessionEvent, SessionEventKind
from devsession.errors import SessionError, UsageError

ROUNDS = 1500 if os.environ.get("DEVSESSION_SOAK") else 150
PROGRAMS = (
    "x = 1",
    "print('some', 'output')",
    "y = input('> ')",
    "for n in range(5):\n  pause_point()",
    "1/0",
    "while True: pass",
)
State = CoordinatedState


async def act(coordinator: MultiSessionCoordinator, seed: random.Random) -> None:
    """Do one thing that may be refused, and must not be more than that."""
    name = f"s{seed.randrange(6)}"
    board = seed.choice(("alpha", "beta"))
    deeds = (
        lambda: coordinator.create(name, board=board),
        lambda: coordinator.send(seed.choice(PROGRAMS), name, wait=False),
        lambda: coordinator.send(seed.choice(PROGRAMS), name, wait=False),
        lambda: asyncio.to_thread(lambda: None),
        lambda: coordinator.hibernate(name),
        lambda: coordinator.resume(name),
        lambda: coordinator.resume(name, board=board),
        lambda: coordinator.close(name),
    )
    plain = (
        lambda: coordinator.pause(name),
        lambda: coordinator.interrupt(name),
        lambda: coordinator.switch(name),
        lambda: coordinator.send_bytes(b"a line\n", name),
    )
    try:
        if seed.random() < 0.4:
            seed.choice(plain)()
        else:
            await seed.choice(deeds)()
    except (SessionError, UsageError):
        pass


async def test_a_storm_of_commands(tmp_path: Path):
    seed = random.Random(7)
    limits = SessionLimits(calls=2, rate=1000)
    wrong: list[SessionEvent] = []
    async with MultiSessionCoordinator(
        {"alpha": "sim:", "beta": "sim:"}, limits=limits, store=tmp_path / "sessions.db"
    ) as coordinator:

        @coordinator.changes.add
        def look(event: SessionEvent) -> None:
            if event.what is SessionEventKind.STATE and event.after not in TRANSITIONS[State(event.before)]:
                wrong.append(event)

        under_way: set[asyncio.Task[None]] = set()
        for _ in range(ROUNDS):
            task = asyncio.get_running_loop().create_task(act(coordinator, seed))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            if seed.random() < 0.05:
                task.cancel()
            await asyncio.sleep(seed.choice((0, 0, 0.001, 0.005)))
        for session in coordinator.list():
            await brought_to_rest(coordinator, session)
        if under_way:
            await asyncio.wait(under_way, timeout=20)
        assert not under_way
        for session in coordinator.list():
            await brought_to_rest(coordinator, session)
            assert (await coordinator.run("6 * 7", session.name)).value == 42
        assert not wrong
        assert coordinator._calls.under_way == 0


async def brought_to_rest(coordinator: MultiSessionCoordinator, session: CoordinatedSession) -> None:
    async with asyncio.timeout(20):
        while session.state is not State.ACTIVE:
            try:
                await coordinator.resume(session.name)
            except SessionError:
                # It is on its way to the host, or back.
                pass
            session.interrupt()
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("moment", [0, 0.001, 0.01])
async def test_two_who_resume_one_session(coordinator: MultiSessionCoordinator, moment: float):
    await coordinator.create("s")
    await coordinator.send("x = 1")
    await coordinator.hibernate()

    async def late() -> dict[str, str]:
        await asyncio.sleep(moment)
        return await coordinator.resume("s")

    first, second = await asyncio.gather(coordinator.resume("s"), late(), return_exceptions=True)
    assert first == {}
    assert second == {} or isinstance(second, SessionError)
    assert [len(place.seats) for place in coordinator._boards._places.values()] in ([1, 0], [0, 1])
    assert (await coordinator.run("x")).value == 1
