"""What is remembered and shown: across objects, processes, damage and crashes."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from pools_on_show import board, figures, reused, snapshot

from devsession.errors import PoolError
from devsession.pool.database import FORMAT, locks_beside
from devsession.pool.inventory import Remembered
from devsession.pool.shown import DEAD_TOLD, ShownPool, shown_pools
from devsession.pool.snapshot import BoardState
from devsession.pool.store import PoolStore

A = Remembered(
    "usb-serial:E660",
    "pico",
    "/dev/ttyACM0",
    frozenset({"wifi", "ap"}),
    strikes=2,
    quarantined_until=1234.5,
    last_used=1200.25,
    uses=7,
    capabilities='{"heap": 1}',
)
B = Remembered("usb-path:1-2", "other", "/dev/ttyUSB0")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "pools.sqlite3"


async def saved(path: Path, *rows: Remembered) -> None:
    store = PoolStore(path)
    for row in rows:
        store.save(row)
    await store.aclose()


async def written(store: PoolStore) -> None:
    store._hurry.set()
    await asyncio.to_thread(store._writer.join)


async def loaded(path: Path) -> set[Remembered]:
    return set(await PoolStore(path).load())


def in_another_process(code: str, *arguments: object, **options) -> subprocess.Popen[str]:
    told = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    return subprocess.Popen(
        told, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


# A process that shows a pool, and waits to be told to go on.
SHOWS = """
    import asyncio, sys
    from pathlib import Path
    from pools_on_show import board, figures, snapshot
    from devsession.pool.store import PoolStore

    async def main():
        store = PoolStore(Path(sys.argv[1]))
        now = snapshot(board("a"), name=sys.argv[2])
        store.show(now, figures(now))
        while store._writer:
            await asyncio.sleep(0.01)
        print("shown", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        await store.aclose()

    asyncio.run(main())
"""


async def test_boards_are_remembered(path: Path):
    assert await loaded(path) == set()
    await saved(path, A, B)
    assert await loaded(path) == {A, B}
    newer = Remembered(A.identity, "renamed", A.url, strikes=0, last_used=2000)
    await saved(path, newer)
    assert await loaded(path) == {newer, B}


async def test_what_was_saved_last_counts(path: Path):
    await saved(path, *(Remembered("x", "x", "x", uses=number) for number in range(1000)))
    assert await loaded(path) == {Remembered("x", "x", "x", uses=999)}


async def test_what_a_program_saved_is_written_when_it_ends_without_closing(path: Path):
    code = """
        import sys
        from pathlib import Path
        from devsession.pool.inventory import Remembered
        from devsession.pool.store import PoolStore
        PoolStore(Path(sys.argv[1])).save(Remembered("x", "x", "x"))
    """
    with in_another_process(code, path) as process:
        assert process.wait(30) == 0
    assert await loaded(path) == {Remembered("x", "x", "x")}


async def test_several_processes_write_at_once(path: Path):
    code = """
        import asyncio, sys
        from pathlib import Path
        from devsession.pool.inventory import Remembered
        from devsession.pool.store import PoolStore

        async def main():
            store = PoolStore(Path(sys.argv[1]))
            for number in range(200):
                store.save(Remembered(f"{sys.argv[2]}-{number}", "x", "x"))
                store.save(Remembered("everybody's", "x", "x"))
                await asyncio.sleep(0.002)
            await store.aclose()

        asyncio.run(main())
    """
    processes = [in_another_process(code, path, number) for number in range(4)]
    for process in processes:
        _, said = await asyncio.to_thread(process.communicate, timeout=60)
        assert (process.returncode, said) == (0, "")
    found = await loaded(path)
    assert {row.identity for row in found} == {
        "everybody's",
        *(f"{process}-{number}" for process in range(4) for number in range(200)),
    }
    assert len(list(path.parent.iterdir())) == 2  # the file, and its locks


async def test_saving_and_showing_do_not_hold_up_the_loop(path: Path):
    shown = snapshot(*(board(f"b{number}") for number in range(60)))
    store = PoolStore(path)
    # Somebody else has the file meanwhile: whoever wrote on the loop would wait for him.
    await saved(path, A)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.save(A)
    store._hurry.set()
    begun = time.perf_counter()
    for number in range(1000):
        store.save(Remembered(f"b{number % 60}", "x", "x"))
        store.show(shown, figures(shown))
        await asyncio.sleep(0)
    took = time.perf_counter() - begun
    other.execute("ROLLBACK")
    other.close()
    await store.aclose()
    assert took < 2
    assert len(await loaded(path)) == 61


def damaged_in_the_middle(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for page in range(4096, len(content), 4096):
        content[page : page + 64] = b"\xff" * 64
    path.write_bytes(content)


def of_the_future(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    connection.close()


def somebody_elses(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE cookies (name)")
    connection.close()


def without_a_table(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE pools")
    connection.close()


def with_another_column(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE boards RENAME COLUMN strikes TO failures")
    connection.close()


TROUBLE = {
    damaged_in_the_middle: "damaged",
    of_the_future: "of a newer version of devsession",
    somebody_elses: "another program's",
    without_a_table: "damaged",
    with_another_column: "damaged",
    lambda path: path.write_bytes(b"not a database at all" * 100): "damaged",
    lambda path: path.write_bytes(path.read_bytes()[:5000]): "damaged",
}


@pytest.mark.parametrize("spoil", TROUBLE, ids=lambda spoil: spoil.__name__)
async def test_a_file_that_is_not_usable_is_set_aside(path: Path, spoil):
    await saved(path, A)
    spoil(path)
    before = path.read_bytes()
    # Who only looks leaves it alone.
    with pytest.raises(PoolError, match=TROUBLE[spoil]):
        shown_pools(path)
    assert path.read_bytes() == before
    with pytest.warns(UserWarning, match=rf"{TROUBLE[spoil]}.*set aside") as warned:
        assert await loaded(path) == set()
    aside = path.with_name(re.search(r"set aside as (\S+),", str(warned[0].message))[1])
    assert aside.read_bytes() == before
    await saved(path, B)
    assert await loaded(path) == {B}


async def test_a_file_that_is_damaged_while_it_is_used(path: Path):
    store = PoolStore(path)
    await store.load()
    path.write_bytes(b"rubbish" * 1000)
    # The warning comes from the thread that writes.
    with pytest.warns(UserWarning, match="set aside"):
        store.save(A)
        await store.aclose()
    assert await loaded(path) == {A}


async def test_of_several_that_find_it_damaged_one_sets_it_aside(path: Path):
    await saved(path, A)
    path.write_bytes(b"rubbish" * 1000)
    code = """
        import asyncio, sys
        from pathlib import Path
        from devsession.pool.inventory import Remembered
        from devsession.pool.store import PoolStore

        async def main():
            sys.stdin.readline()
            store = PoolStore(Path(sys.argv[1]))
            await store.load()
            store.save(Remembered(sys.argv[2], "x", "x"))
            await store.aclose()

        asyncio.run(main())
    """
    processes = [in_another_process(code, path, number, stdin=subprocess.PIPE) for number in range(4)]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    said = [(await asyncio.to_thread(process.communicate, timeout=60))[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    assert sum("set aside" in each for each in said) == 1
    assert {row.identity for row in await loaded(path)} == {"0", "1", "2", "3"}


async def test_where_nothing_can_be_written_nothing_is_remembered(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    store = PoolStore(tmp_path / "file" / "pools.sqlite3")
    with pytest.warns(UserWarning, match="nothing is remembered") as warned:
        assert await store.load() == ()
        store.save(A)
        store.show(snapshot(), figures(snapshot()))
        await store.aclose()
    # It is said once.
    assert len(warned) == 1


async def test_a_row_that_says_no_such_thing_is_left_out(path: Path):
    await saved(path, A, B)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE boards SET tags = 'wifi' WHERE identity = ?", (A.identity,))
    connection.close()
    assert await loaded(path) == {B}


def test_where_there_is_no_file_no_pool_is_shown(path: Path):
    assert shown_pools(path) == ()
    assert not path.parent.exists()


async def test_a_pool_is_shown_until_it_is_closed(path: Path):
    store = PoolStore(path)
    leased = snapshot(board("a", BoardState.LEASED, agent="worker-1", fence=4, lease_age=2.0), board("b"))
    store.show(snapshot(), figures(snapshot()))
    store.show(leased, figures(leased, reused()))
    await written(store)
    (pool,) = shown_pools(path)
    assert pool == ShownPool(os.getpid(), pool.program, leased.taken_at, True, leased, pool.metrics)
    assert (pool.metrics.reused, pool.metrics.waits.count) == (1, 1)
    await store.aclose()
    assert shown_pools(path) == ()
    # It may be used again.
    store.show(leased, figures(leased))
    await store.aclose()


async def test_pools_of_other_processes_that_live_and_that_are_lost(path: Path):
    processes = [in_another_process(SHOWS, path, name, stdin=subprocess.PIPE) for name in ("one", "two")]
    for process in processes:
        assert await asyncio.to_thread(process.stdout.readline) == "shown\n"
    one, two = processes
    assert {(pool.snapshot.name, pool.pid, pool.is_alive) for pool in shown_pools(path)} == {
        ("one", one.pid, True),
        ("two", two.pid, True),
    }
    one.kill()
    one.communicate(timeout=30)
    assert {(pool.snapshot.name, pool.is_alive) for pool in shown_pools(path)} == {
        ("one", False),
        ("two", True),
    }
    # A new one does not take its place.
    three = in_another_process(SHOWS, path, "three", stdin=subprocess.PIPE)
    assert await asyncio.to_thread(three.stdout.readline) == "shown\n"
    assert {(pool.snapshot.name, pool.is_alive) for pool in shown_pools(path)} == {
        ("one", False),
        ("two", True),
        ("three", True),
    }
    for process in (two, three):
        process.communicate("\n", timeout=30)
        assert process.returncode == 0
    (lost,) = shown_pools(path)
    assert not lost.is_alive
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE pools SET shown_at = shown_at - ?", (DEAD_TOLD,))
    connection.close()
    assert shown_pools(path) == ()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM pools").fetchone() == (0,)
    connection.close()


async def test_a_pool_that_lives_is_shown_however_long_it_is_quiet(path: Path):
    store = PoolStore(path)
    old = snapshot(taken_at=time.time() - 2 * DEAD_TOLD)
    store.show(old, figures(old))
    await written(store)
    assert [pool.is_alive for pool in shown_pools(path)] == [True]
    await store.aclose()


async def test_a_state_that_cannot_be_read_is_no_pool(path: Path):
    store = PoolStore(path)
    store.show(snapshot(), figures(snapshot()))
    await written(store)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE pools SET state = '{\"snapshot\": 1}'")
    connection.close()
    assert shown_pools(path) == ()
    await store.aclose()


async def test_locks_that_others_may_write_are_not_trusted(path: Path):
    await saved(path, A)
    locks_beside(path).directory.chmod(0o777)
    with pytest.raises(PoolError, match="not a directory that this user alone can write"):
        shown_pools(path)
    with pytest.warns(UserWarning, match="nothing is remembered"):
        assert await loaded(path) == set()
