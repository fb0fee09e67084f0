"""A pool without ``await``."""

import threading

import pytest

from devsession.sync import LeaseLost, SessionPool


def test_sessions_are_leased_and_found_again():
    told = []
    with SessionPool(provider="sim:", min_size=1, max_size=1) as pool:
        pool.events.add(told.append)
        with pool.acquire(agent="one") as session:
            session.exec("x = 1")
            assert pool.lease(session).agent == "one"
        with pytest.raises(LeaseLost):
            session.exec("x")
        again = pool.acquire(agent="one").have()
        assert again.eval("x") == 1
        pool.heartbeat(again)
        pool.release(again)
        pool.pin("one")
        pool.unpin("one")
        assert [one.agent for one in pool.sessions()] == ["one"]
        pool.remove("one")
        pool.resize(max_size=2)
        assert (pool.config.max_size, pool.snapshot().max_size) == (1, 2)
        pool.drain(timeout=10)
    assert told


def test_threads_take_turns():
    held, most = [], 0

    def work(number: int) -> None:
        nonlocal most
        for _ in range(5):
            with pool.acquire(agent=f"thread-{number}") as session:
                held.append(number)
                most = max(most, len(held))
                assert session.eval(f"{number} * 2") == number * 2
                held.remove(number)

    with SessionPool(provider="sim:", min_size=1, max_size=2, affinity_wait=0) as pool:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert 1 <= most <= 2
