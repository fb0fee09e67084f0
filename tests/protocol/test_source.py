"""The code that goes over the wire."""

import ast
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transcripts import cut

from devsession.errors import LocalProtocolError
from devsession.protocol import source
from devsession.protocol.commands import Command
from devsession.protocol.cooking import Uncook
from devsession.protocol.records import Key
from devsession.protocol.source import Mode


@given(st.text(st.characters(exclude_categories=["Cs"])).map(source.normalise))
def test_a_literal_gives_the_source_back_and_holds_no_control_byte(text: str):
    literal = source.literal(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        back = ast.literal_eval(literal)
    assert back == text + " " * (len(back) - len(text))
    assert len(back) > 10
    Command(literal.encode())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", True),
        ("print(6*7)", True),
        ("x = 1", False),
        ("import sys", False),
        ("1\n2", False),
        ("def f(:", False),
        ("", False),
        ("\x00", False),
        ("(" * 500, False),
        ('"\\d"', True),
        ("1 is 1", True),
    ],
)
def test_expressions_are_told_from_statements(text: str, expected: bool):
    assert source.is_expression(text) is expected


def test_indented_source_is_moved_left_and_lines_are_kept():
    assert source.normalise("\n    if x:\r\n        y\r    z\n") == "\nif x:\n    y\nz\n"
    assert source.normalise("if x:\n    y") == "if x:\n    y"


def test_a_call_has_no_name_but_the_helpers_and_no_short_string():
    tree = ast.parse(source.call(Key(1, 2), Mode.EXEC, "pass"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    strings = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert names == {source.HELPER}
    assert all(len(text) > 10 for text in strings)


def test_arguments_become_argv():
    namespace: dict[str, object] = {
        "__import__": lambda name: type("sys", (), {"argv": namespace.setdefault("argv", [])})
    }
    exec(source.arguments(("prog.py", "ä", "it's")), namespace)
    assert namespace["argv"] == ["prog.py", "ä", "it's"]


def test_compaction_keeps_code_and_drops_comments():
    text = "# why\ndef f():\n    # because\n    if 1:\n        return 2\n\n"
    assert source.compact(text) == "def f():\n if 1:\n  return 2\n"


@pytest.mark.parametrize(
    ("code", "paste"),
    [(b"a\x03", True), (b"a\x04", True), (b"a\x01", False), (b"a\x02", False), (b"", False)],
)
def test_code_that_the_repl_would_act_on_is_refused(code: bytes, paste: bool):
    with pytest.raises(LocalProtocolError):
        Command(code, paste=paste)


@given(st.lists(st.sampled_from([b"\r", b"\n", b"a"])).map(b"".join), st.lists(st.integers(0, 40)))
def test_line_ends_come_back_over_any_split(printed: bytes, places: list[int]):
    cooked = printed.replace(b"\n", b"\r\n")
    uncook = Uncook(cooked=True)
    got = b"".join(map(uncook.feed, cut(cooked, places))) + uncook.flush()
    assert got == cooked.replace(b"\r\n", b"\n") == printed
    assert Uncook(cooked=False).feed(cooked) == cooked


@given(st.binary(max_size=16))
def test_bytes_are_sent_in_no_short_literal(data: bytes):
    text = source.bytes_literal(data)
    assert eval(text) == data
    assert not data or len(eval(text.partition("[:")[0])) > 10
