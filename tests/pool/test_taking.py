"""Locks of boards, and taking several at once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from devsession.errors import LeaseTimeoutError, PoolError, UsageError
from devsession.pool.known import known_board
from devsession.pool.locks import Locks
from devsession.pool.provider import BoardOffer
from devsession.pool.taking import Taken, take

A, B, C = (BoardOffer(name, f"sim:{name}", f"sim:{name}") for name in "abc")
PRIVATE = BoardOffer("sim:", "sim:", None)


@pytest.fixture
def locks(tmp_path: Path) -> Locks:
    return Locks(tmp_path / "locks")


def taken(locks: Locks, *places: list[BoardOffer], timeout: float = 0) -> tuple[Taken, ...]:
    return take(places, locks, owner="a test", timeout=timeout)


def names(found: tuple[Taken, ...]) -> list[str]:
    return [each.board.name for each in found]


def give_back(found: tuple[Taken, ...]) -> None:
    for each in found:
        each.give_back()


def test_a_board_is_taken_once(locks: Locks):
    found = taken(locks, [A])
    with pytest.raises(LeaseTimeoutError, match=r"a is held by a test \(process \d+\) for 0 s"):
        taken(locks, [A])
    give_back(found)
    give_back(found)
    assert locks.holder("sim:a") is None
    give_back(taken(locks, [A]))


def test_the_least_recently_used_is_first(locks: Locks):
    seen = []
    for _ in range(6):
        found = taken(locks, [A, B, C])
        seen += names(found)
        give_back(found)
    assert seen == ["a", "b", "c", "a", "b", "c"]


def test_several_are_taken_all_or_none(locks: Locks):
    first = taken(locks, [A])
    with pytest.raises(LeaseTimeoutError):
        taken(locks, [A, B], [A, B])
    # Nothing was kept of the try.
    second = taken(locks, [B])
    give_back(first + second)
    both = taken(locks, [A, B], [A, B])
    assert sorted(names(both)) == ["a", "b"]
    give_back(both)


def test_a_place_gets_what_others_can_do_without(locks: Locks):
    # The first would do with either, the second with the first only.
    found = taken(locks, [A, B], [A])
    assert names(found) == ["b", "a"]
    give_back(found)


def test_too_few_boards_are_told_at_once(locks: Locks):
    with pytest.raises(PoolError, match="2 boards are wanted"):
        taken(locks, [A], [A], timeout=60)


def test_private_boards_are_never_waited_for(locks: Locks):
    assert names(taken(locks, *[[PRIVATE]] * 5)) == ["sim:"] * 5


def test_waiting_ends_when_a_board_is_given_back(locks: Locks):
    found = taken(locks, [A])
    giver = threading.Timer(0.05, give_back, [found])
    giver.start()
    give_back(taken(locks, [A], timeout=30))
    giver.join()


def test_the_end_of_a_process_gives_its_board_back(locks: Locks, tmp_path: Path):
    program = (
        "import sys; from pathlib import Path; from devsession.pool.locks import Locks; "
        "lock = Locks(Path(sys.argv[1])).try_lock('sim:a'); lock.say('another'); print(flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(locks.directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert locks.try_lock("sim:a") is None
        assert str(locks.holder("sim:a")).startswith(f"another (process {process.pid})")
        process.kill()
    give_back(taken(locks, [A]))


def test_a_forked_child_holds_nothing(locks: Locks):
    found = taken(locks, [A])
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        # Its copy of the lock does nothing, too.
        give_back(found)
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    os.close(reader)
    try:
        give_back(found)
        give_back(taken(locks, [A]))
    finally:
        os.close(writer)
        os.waitpid(child, 0)


def test_two_threads_never_have_one_board(locks: Locks):
    users: list[str] = []
    overlaps: list[str] = []

    def use() -> None:
        for _ in range(20):
            found = taken(locks, [A, B], timeout=30)
            (name,) = names(found)
            overlaps.extend(one for one in users if one == name)
            users.append(name)
            time.sleep(0.001)
            users.remove(name)
            give_back(found)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not overlaps


def test_a_directory_that_others_can_write_is_refused(tmp_path: Path):
    tmp_path.chmod(0o777)
    with pytest.raises(PoolError, match="chmod 700"):
        Locks(tmp_path)
    with pytest.raises(PoolError, match="no directory"):
        Locks(Path("/proc/none"))


@pytest.mark.parametrize(
    ("url", "identity"),
    [
        ("sim:", None),
        ("sim:microbit", None),
        ("sim:bench", "sim:bench"),
        ("sim:bench?kind=microbit", "sim:bench"),
        ("replay:some.cassette", None),
        ("/dev/ttyACM99", "port:/dev/ttyACM99"),
        ("id:not-attached", "id:not-attached"),
        ("socket://host.invalid:1234", "socket://host.invalid:1234"),
    ],
)
def test_what_locks_are_keyed_by(url: str, identity: str | None):
    assert known_board(url).identity == identity


def test_one_folder_is_one_board(tmp_path: Path):
    (tmp_path / "same").symlink_to(tmp_path)
    first, second = (known_board(f"sim:?root={path}").identity for path in (tmp_path, tmp_path / "same"))
    assert first == second is not None


def test_a_url_of_no_kind_is_refused():
    with pytest.raises(UsageError):
        known_board("telnet:board")
