"""What is left of a lease when it is over: nothing of its holder's side."""

from pathlib import Path

import pytest

from devsession import DeadlineError, SessionPool

READ = "import os\ntry:\n    print(open('/remote/secret').read())\nexcept OSError: print('nothing')"
LOOK = "import os\nprint('remote' in os.listdir('/'))"


@pytest.mark.parametrize("share", [False, True])
@pytest.mark.parametrize("is_busy", [False, True])
async def test_what_was_mounted_is_gone_with_the_lease(tmp_path: Path, share: bool, is_busy: bool):
    (tmp_path / "secret").write_text("a's own")
    async with SessionPool(provider="sim:", min_size=1, max_size=1, share=share) as pool:
        async with pool.acquire(agent="a") as session:
            await session.mount(tmp_path, writable=True)
            await session.exec("f = open('/remote/secret')\nx = 1")
            assert (await session.exec(READ)).output.strip() == "a's own"
            if is_busy:
                session.start("while True: pass")
        async with pool.acquire(agent="b", timeout=20) as session:
            assert (await session.exec(READ)).output.strip() == "nothing"
            assert (await session.exec(LOOK)).output.strip() == "False"
            # The place is free for others.
            mount = await session.mount(tmp_path)
            assert (await session.exec(READ)).output.strip() == "a's own"
            await mount.release()


async def test_a_mount_answers_nothing_from_the_moment_on_in_which_its_session_is_suspended(tmp_path: Path):
    (tmp_path / "secret").write_text("a's own")
    async with SessionPool(provider="sim:", min_size=1, max_size=1) as pool:
        async with pool.acquire(agent="a") as session:
            await session.mount(tmp_path, writable=True)
            session.suspend(AssertionError)  # type: ignore[arg-type, return-value]
            with pytest.raises(DeadlineError):
                await session.board.exec(READ, timeout=0.3)
        async with pool.acquire(agent="a", timeout=20) as session:
            assert (await session.exec(LOOK)).output.strip() == "False"
