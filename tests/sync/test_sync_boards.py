"""Boards without ``await``: the verbs, the ways out, and what an exception tells."""

import datetime as dt
import gc
import os
import traceback

import pytest

from devsession import sync
from devsession.errors import DeadlineError, DeviceError, ExpectError, LinkClosedError, UsageError
from devsession.sync import Board, Reset, connect
from devsession.sync.loop_thread import end
from devsession.transport import watch


def test_the_verbs(board: Board):
    assert board.url == "sim:"
    assert board.exec("x = 40; print('said')").output == "said\n"
    assert board.eval("x + 2") == 42
    assert board.evaluate("print('p') or x").output == "p\n"
    assert board.run("import sys; sys.exit(3)").exit_code == 3
    assert "".join(board.stream("for n in range(3): print(n)")) == "0\n1\n2\n"
    assert "said\np\n" in board.output.text
    assert b"said\np\n" in bytes(board.output)
    assert bytes(board.background) == b""
    assert board.interrupt() is False
    epoch = board.epoch
    assert board.reset(Reset.RAW_SOFT)
    assert board.epoch == epoch + 1
    assert repr(board).startswith("<Board sim:")


def test_a_program_under_way(board: Board):
    with board.start("for n in range(3): print('measuring', n)") as running:
        assert running.expect(r"measuring (\d)")[1] == "0"
        assert b"".join(running) == b"measuring 0\nmeasuring 1\nmeasuring 2\n"
        assert running.result().error is None
        assert running.dropped == 0


def test_leaving_the_block_of_a_program_interrupts_it(board: Board):
    with board.start("while True: pass") as running:
        pass
    with pytest.raises(UsageError, match="stopped"):
        running.result()
    assert board.eval("6 * 7") == 42


def test_leaving_the_loop_early_interrupts_the_program(board: Board):
    texts = board.stream("n = 0\nwhile True:\n n += 1\n print(n)")
    for _ in texts:
        break
    texts.close()
    assert board.eval("n") > 0


def test_a_generator_that_is_dropped_is_closed(board: Board):
    for _ in board.stream("while True: print('again')"):
        break
    gc.collect()
    assert board.eval("6 * 7") == 42


def test_watching(board: Board):
    watched = board.watch()
    board.exec("print('seen')")
    assert next(watched).data == b"seen\n"
    watched.close()


def test_use_after_close_and_before_attach():
    board = connect("sim:")
    with pytest.raises(LinkClosedError):
        board.eval("1")
    board.attach()
    board.close()
    with pytest.raises(LinkClosedError):
        board.eval("1")


def test_a_deadline_reaches_the_board(board: Board):
    with pytest.raises(DeadlineError):
        board.exec("while True: pass", timeout=0.1)
    with pytest.raises(ExpectError):
        board.expect("never", timeout=0.05)
    assert board.eval("6 * 7") == 42


def test_an_exception_keeps_its_type_and_shows_the_callers_line(board: Board):
    with pytest.raises(DeviceError) as caught:
        board.exec("1/0")  # the line that a user looks for
    shown = "".join(traceback.format_exception(caught.value))
    assert "the line that a user looks for" in shown
    assert caught.value.kind == "ZeroDivisionError"
    with pytest.raises(UsageError):
        board.eval("x = 1")


def test_the_arguments_are_those_of_the_async_api(board: Board):
    with pytest.raises(TypeError, match="unexpected keyword"):
        board.exec("1", tiemout=1)  # type: ignore[call-arg]
    with pytest.raises(AttributeError, match="epoch"):
        board.epoch = 3  # type: ignore[assignment]


def test_functions(board: Board):
    assert isinstance(sync.read_clock(board), dt.datetime)
    assert sync.probe(board=board).implementation == "micropython"
    board.exec("open('main.py', 'w').close()")
    assert sync.rescue(board).renamed == {"main.py": "main.py.off"}


def test_ports(monkeypatch):
    port = sync.Port(os.devnull, "port:null", *[None] * 7)
    monkeypatch.setattr(watch, "list_ports", lambda: [port])
    for event in sync.watch_ports():
        assert event == sync.PortAdded(port)
        break


def test_findings():
    told: list[str] = []
    findings = list(sync.diagnose("sim:", told.append))
    assert all(isinstance(found, sync.Finding) for found in findings)
    assert findings


def test_what_is_open_at_the_end_is_closed():
    board = connect("sim:")
    board.attach()
    running = board.start("while True: pass")
    end()
    with pytest.raises(UsageError, match="has ended"):
        running.result()
    with pytest.raises(UsageError, match="connect anew"):
        board.eval("1")
    with connect("sim:") as another:
        assert another.eval("6 * 7") == 42
