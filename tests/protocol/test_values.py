"""Values over the wire: exact, bounded, never evaluated."""

import array
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devsession.errors import RemoteProtocolError
from devsession.protocol.values import MAX_DEPTH, parse, parse_all


def written(value: object) -> str:
    """A value as the helper on a board writes it."""
    match value:
        case float():
            return "@" + struct.pack(">d", value).hex()
        case complex():
            return f"complex({written(value.real)},{written(value.imag)},)"
        case list():
            return "[" + ",".join(map(written, value)) + "]"
        case tuple():
            return "(" + "".join(written(item) + "," for item in value) + ")"
        case dict():
            return "{" + ",".join(f"{written(k)}:{written(v)}" for k, v in value.items()) + "}"
        case frozenset():
            return f"frozenset({written(list(value))})"
        case set():
            return f"set({written(list(value))})"
        case str():
            return ascii(value)
        case _:
            return repr(value)


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.complex_numbers(allow_nan=False),
    st.text(),
    st.binary(),
    st.binary().map(bytearray),
    st.builds(range, st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 3)),
)
keys = st.one_of(st.integers(), st.text(), st.binary(), st.booleans())
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.dictionaries(keys, inner),
        st.sets(keys),
        st.frozensets(keys),
    ),
    max_leaves=20,
)


@given(values)
def test_every_value_comes_back_as_it_was(value: object):
    back = parse(written(value))
    assert back == value
    assert type(back) is type(value)


def test_floats_are_exact():
    for value in (0.1, -0.0, 5e-324, 1.7976931348623157e308, math.inf, -math.inf):
        assert struct.pack(">d", parse(written(value))) == struct.pack(">d", value)
    assert math.isnan(parse("@7ff8000000000000"))


def test_arrays():
    assert parse("array'h'[1,-2]") == array.array("h", [1, -2])


def test_long_integers():
    assert parse("1" + "0" * 9000) == 10**9000
    assert parse("-1" + "0" * 9000) == -(10**9000)


@pytest.mark.parametrize(
    "text",
    ["", "1 2", "[1", "{1:}", "foo", "__import__('os')", "(lambda:0)()", "'a", "b'a", "@123", "array'q", "array'?'[1]", "{[]:1}",
     "range()", "bytearray('x')", "bytearray(9)", "set()", "frozenset()", "1+1", "[1 2]", "()()"],
)  # fmt: skip
def test_anything_else_is_refused(text: str):
    with pytest.raises(RemoteProtocolError):
        parse(text)


def test_depth_is_bounded():
    assert parse("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    with pytest.raises(RemoteProtocolError, match="deeper"):
        parse("[" * 100_000)


@pytest.mark.parametrize(
    "escape", [r"\8", r"\777", r"\N{DIGIT ONE}", r"\q", r"\x4", r"\u12", r"\U00110000", "\\\n"]
)
def test_an_escape_that_no_board_writes_is_refused(escape: str):
    for text in (f"'{escape}'", f'b"{escape}"', "b'\\u0041'"):
        with pytest.raises(RemoteProtocolError):
            parse(text)


@given(st.text(alphabet="[](){}:,'\"b\\@0123456789abcdefghijklmnopqrstuvwxyz -", max_size=60))
def test_arbitrary_text_is_a_value_or_an_error(text: str):
    try:
        parse(text)
    except RemoteProtocolError:
        pass


def test_several():
    assert parse_all("\"<class 'Pin'>\",'Pin(2)'") == ["<class 'Pin'>", "Pin(2)"]
