"""Sessions without ``await``."""

import sys
import threading
from pathlib import Path

import pytest

from devsession.errors import DeviceError, SessionEndedError, SessionExistsError, UsageError
from devsession.sync import ConnectionState, DeviceSession, DeviceSessionManager, StateChange, value_of


def test_a_session_has_names_of_its_own(manager: DeviceSessionManager):
    assert manager.state is ConnectionState.CONNECTED
    with manager.session("first") as first, manager.session("second") as second:
        first.exec("x = 1")
        second.exec("x = 2")
        assert (first.eval("x"), second.eval("x")) == (1, 2)
        assert manager.sessions == (first, second)
        assert first.name == "first"
        first.state["gain"] = 1.25
        assert first.state.typed("gain", float) == 1.25
        first.device.define("offset", 3)
        assert first.device.names() == ["offset", "x"]
    assert manager.sessions == ()
    assert first.given_back is not None
    with pytest.raises(SessionEndedError):
        first.eval("x")


def test_one_name_is_one_session(manager: DeviceSessionManager):
    one = manager.get_or_create("one")
    assert manager.get_or_create("one") == one
    assert len({one, manager.get_or_create("one")}) == 1
    with pytest.raises(SessionExistsError):
        manager.create_session("one")
    manager.end_session("one")
    manager.end_session(one)
    assert manager.sessions == ()


def test_fifty_threads_ask_for_one_session(manager: DeviceSessionManager):
    found: list[DeviceSession] = []
    threads = [threading.Thread(target=lambda: found.append(manager.get_or_create("one"))) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 50
    assert len(set(found)) == 1


def test_what_a_block_raises_ends_the_session_and_is_raised(manager: DeviceSessionManager):
    with pytest.raises(KeyError, match="'mine'"), manager.session() as session:
        raise KeyError("mine")
    with pytest.raises(DeviceError), manager.create_session() as another:
        another.exec("1/0")
    with pytest.raises(KeyboardInterrupt), manager.session():
        raise KeyboardInterrupt
    assert manager.sessions == ()
    assert session.phase.value == another.phase.value == "ended"


def test_an_operation_runs_here(manager: DeviceSessionManager):
    def operation(session: DeviceSession) -> tuple[int, int]:
        return session.eval("6 * 7"), threading.get_ident()

    assert manager.execute_in_session(operation) == (42, threading.get_ident())


def test_an_operation_is_no_coroutine(manager: DeviceSessionManager):
    async def operation(session: DeviceSession) -> None:
        session.exec("1")

    with pytest.raises(UsageError, match="is async"):
        manager.execute_in_session(operation)
    with pytest.raises(UsageError, match="the session's name comes behind it"):
        manager.execute_in_session("name", operation)
    assert manager.sessions == ()


def test_a_handle_is_neither_iterated_over_nor_assigned_to(manager: DeviceSessionManager):
    with manager.session() as session:
        numbers = session.ref("[1, 2]")
        for handle in (numbers, numbers[0]):
            with pytest.raises(TypeError):
                list(handle)
            with pytest.raises(TypeError):
                1 in handle  # noqa: B015 - that it raises is what counts
            with pytest.raises(UsageError, match="give the handle to a method"):
                handle.x = 5
            with pytest.raises(UsageError, match="give the handle to a method"):
                handle[0] = 5
        assert numbers.copy() == [1, 2]


def test_handles(manager: DeviceSessionManager):
    with manager.session() as session:
        numbers = session.ref("{'a': [1, 2, 3]}")
        assert value_of(numbers["a"][1]) == 2
        assert numbers["a"].index(3) == 2
        session.device.define("copied", numbers)
        assert session.eval("copied") == {"a": [1, 2, 3]}
        numbers.release()
        led = session.part.pin(2)
        led.on()
        assert led.value() == 1
        file = session.part.file("notes", "w")
        assert file.write("text") == 4
        session.part.temporary_directory("scratch")
        assert [held.type for held in session.resources] == ["pin", "open file", "temporary directory"]


def test_shared_variables(manager: DeviceSessionManager):
    manager.shared.set("gain", 3)
    with manager.session() as session:
        session.use_shared("gain")
        assert session.eval("gain * 2") == 6
        assert session.profile_report is None


def test_files(manager: DeviceSessionManager):
    with manager.session() as session:
        assert session.files.write_bytes("notes", b"text").size == 4
        assert session.files.read_bytes("notes") == b"text"
        assert [found.name for found in session.files.scandir()] == ["notes"]
        session.files.invalidate()
        session.files.remove("notes")
        assert not session.files.exists("notes")
        with session.files.open("log", "w") as file:
            for n in range(3):
                file.write(f"{n}\n")
        assert file.stat is not None
        assert file.stat.size == 6
        with session.files.open("log") as file:
            assert list(file) == ["0\n", "1\n", "2\n"]
        assert [tuple(folder) for folder in session.files.walk("/")] == [("/", (), ("log",))]


def test_trees(manager: DeviceSessionManager, tmp_path: Path):
    (tmp_path / "here").mkdir()
    (tmp_path / "here/main.py").write_text("1")
    with manager.session() as session:
        steps: list[int] = []
        assert session.files.sync(tmp_path / "here", progress=lambda step: steps.append(step.done)).size == 1
        assert steps == [1]
        assert session.files.sync(tmp_path / "here", dry_run=True).is_empty
        session.files.get("/", tmp_path / "back")
        assert (tmp_path / "back/main.py").read_text() == "1"


def test_methods(manager: DeviceSessionManager):
    @manager.method
    def double(n: int) -> int:
        return n * 2

    assert manager.capabilities.implementation == "micropython"
    with manager.session() as session:

        @session.method
        def count(to: int):
            for n in range(to):  # noqa: UP028
                yield n

        @session.method(timeout=5)
        def scaled(n):
            return n * gain  # noqa: F821

        session.exec("gain = 3")
        assert (double(4), scaled(4), list(count(100))) == (8, 12, list(range(100)))
        assert double.is_deployed
        assert session.executor.is_deployed(scaled)
        assert session.executor.methods == (count, scaled)
        for n in count(1000):
            if n == 3:
                break
        assert double.options(timeout=1)(5) == 10
        assert session.board.eval("6 * 7") == 42


class Fixture:
    """A resource as a user writes one, which uses the board while it comes and goes."""

    id, type = "fixture", "fixture"

    def __init__(self, manager: DeviceSessionManager, told: list[object]) -> None:
        self._manager, self._told = manager, told

    def initialise(self) -> None:
        self._told.append(self._manager.board.eval("'ready'"))

    def cleanup(self) -> None:
        self._told.append(self._manager.board.eval("'gone'"))


def test_what_is_given_back_may_use_the_board(manager: DeviceSessionManager):
    told: list[object] = []

    async def later() -> None:
        told.append("async")

    with manager.session() as session:
        session.register(Fixture(manager, told))
        session.push_cleanup(lambda: told.append(manager.board.eval("'plain'")))
        session.push_cleanup(later)
        held = session.push_cleanup(lambda: told.append("early"))
        session.release(held)
    assert told == ["ready", "early", "async", "plain", "gone"]


def test_a_clean_up_that_raises_is_told(manager: DeviceSessionManager):
    session = manager.create_session()
    session.push_cleanup(lambda: 1 / 0)
    session.push_cleanup(lambda: next(iter(())))
    session.push_cleanup(lambda: sys.exit(3))
    with pytest.raises(ExceptionGroup) as caught:
        session.end()
    assert [type(error) for error in caught.value.exceptions] == [
        RuntimeError,
        RuntimeError,
        ZeroDivisionError,
    ]
    assert manager.board.eval("6 * 7") == 42


def test_listeners_are_called_on_the_loop_where_calls_that_wait_are_refused(manager: DeviceSessionManager):
    changes: list[StateChange] = []
    refused: list[BaseException] = []

    @manager.state_changed.add
    def changed(change: StateChange) -> None:
        changes.append(change)
        assert manager.state is change.after
        try:
            manager.board.eval("1")
        except UsageError as error:
            refused.append(error)

    manager.board.exec("1")
    manager.state_changed.remove(changed)
    assert [change.after for change in changes] == [ConnectionState.EXECUTING, ConnectionState.CONNECTED]
    assert "would wait for itself" in str(refused[0])
    manager.board.exec("1")
    assert len(changes) == 2


def test_events_come_by_themselves(manager: DeviceSessionManager):
    with manager.session() as session, session.events(limit=50) as events:
        session.exec(
            "import machine\ndef tick(t): devsession_helper.emit('tick')\ntimer = machine.Timer(-1, period=2, callback=tick)"
        )
        assert [next(events).value for _ in range(5)] == ["tick"] * 5
        session.exec("timer.deinit()")
        everything = session.events()
        reader = threading.Thread(target=lambda: found.extend(event.value for event in everything))
        found: list[object] = []
        reader.start()
        session.exec("devsession_helper.emit(1)")
    reader.join()
    assert found == [1]
    assert all(event.value in {"tick", 1} for event in events)
    assert (events.dropped, manager.board.events_dropped, manager.board.lost) == (0, 0, None)


def test_a_directory_is_mounted(manager: DeviceSessionManager, tmp_path: Path):
    (tmp_path / "seen").write_text("from here")
    with manager.session() as session:
        mount = session.mount(tmp_path, writable=True)
        assert (mount.local, mount.remote, mount.writable) == (tmp_path, "/remote", True)
        assert session.eval("open('/remote/seen').read()") == "from here"
        mount.release()
        with pytest.raises(DeviceError, match="ENOENT"):
            session.eval("open('/remote/seen')")
