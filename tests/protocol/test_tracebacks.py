"""Tracebacks of several ports, read."""

from devsession.errors import Frame
from devsession.protocol.tracebacks import parse

WRAPPED = (
    b'Traceback (most recent call last):\r\n  File "<stdin>", line 40, in x\r\n'
    b'  File "<string>", line 7, in <module>\r\n  File "<string>", line 3, in f\r\n  File "lib/a.py", line 1, in g\r\n'
    b"OSError: [Errno 2] ENOENT\r\n"
)


def test_our_frames_are_left_out_and_the_program_has_its_name():
    found = parse(WRAPPED, "main.py")
    assert (found.kind, found.text, found.errno) == ("OSError", "[Errno 2] ENOENT", 2)
    assert found.frames == (
        Frame("main.py", 7, "<module>"),
        Frame("main.py", 3, "f"),
        Frame("lib/a.py", 1, "g"),
    )
    assert str(found).split("\n")[1] == '  File "main.py", line 7, in <module>'


def test_syntax_errors_have_a_frame_without_a_function():
    found = parse(
        b'Traceback (most recent call last):\n  File "<stdin>", line 1, in x\n  File "<string>", line 301\nSyntaxError: invalid syntax\n'
    )
    assert found.frames == (Frame("<string>", 301, ""),)


def test_numbers_only_and_localised_errors():
    assert parse(b"Traceback (most recent call last):\r\nOSError: 30\r\n").errno == 30
    assert parse("OSError: [Errno 30] Schreibgeschützt".encode()).errno == 30
    assert parse(b"OSError: file not found").errno is None
    assert parse(b"ValueError: [Errno 5] no").errno is None


def test_messages_may_hold_anything():
    found = parse(
        'Traceback (most recent call last):\n  File "a", line 1\nValueError: ü\x04>\n  File "b", line 2\n'.encode()
        + b"\xff"
    )
    assert found.kind == "ValueError"
    assert found.text == 'ü\x04>\n  File "b", line 2\n\\xff'
    assert len(found.frames) == 1


def test_what_is_no_traceback_is_kept():
    assert parse(b"KeyboardInterrupt: \r\n").kind == "KeyboardInterrupt"
    assert parse(b"?!").text == "?!"
    assert str(parse(b"KeyboardInterrupt: ")) == "KeyboardInterrupt"
