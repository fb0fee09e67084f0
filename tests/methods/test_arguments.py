"""Values as source text: what arrives on a real interpreter is what was sent, and what cannot be sent says where it is."""

import array
import ast
import collections
import enum
import math
import struct
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devsession.board.board import Board
from devsession.errors import UsageError
from devsession.methods.arguments import encode

# Containers come back through the helper, which has its own limit of depth on a board's stack.
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(1 << 300), 1 << 300),
    st.floats(),
    st.complex_numbers(),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.binary(),
    st.binary().map(bytearray),
    st.builds(range, st.integers(-99, 99), st.integers(-99, 99), st.integers(1, 9)),
    st.lists(st.integers(-(1 << 31), (1 << 31) - 1)).map(lambda items: array.array("l", items)),
    st.lists(st.integers(0, 255)).map(lambda items: array.array("B", items)),
    st.lists(st.floats()).map(lambda items: array.array("d", items)),
    st.lists(st.floats(width=32)).map(lambda items: array.array("f", items)),
)
keys = st.one_of(
    st.integers(), st.text(st.characters(exclude_categories=["Cs"]), max_size=15), st.binary(max_size=15)
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.dictionaries(keys, inner),
        st.sets(keys),
        st.frozensets(keys),
        st.dictionaries(st.tuples(keys, keys), inner),
    ),
    max_leaves=12,
)
finite = st.floats(allow_nan=False, allow_infinity=False)
over_and_over = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100
)


def same(one: object, other: object) -> bool:
    """Whether two values are of one type and equal bit by bit, any NaN being any other."""
    if type(one) is not type(other):
        return False
    match one:
        case float():
            return struct.pack("d", one) == struct.pack("d", other) or (math.isnan(one) and math.isnan(other))
        case complex():
            return same(one.real, other.real) and same(one.imag, other.imag)
        case list() | tuple() | array.array():
            return len(one) == len(other) and all(map(same, one, other))
        case dict():
            return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
        case _:
            return one == other


@given(st.lists(finite, min_size=50, max_size=200))
@over_and_over
async def test_every_finite_double_arrives_bit_by_bit(board: Board, sent):
    assert same(await board.eval(encode(sent)), sent)


@given(values)
@over_and_over
async def test_values_arrive_as_they_were_sent(board: Board, sent):
    assert same(await board.eval(encode(sent)), sent)


@pytest.mark.parametrize(
    "sent",
    [
        math.nan,
        math.inf,
        -math.inf,
        -0.0,
        5e-324,
        -2.225073858507201e-308,
        1.7976931348623157e308,
        10**5000,
        -(10**5000),
        "",
        "\x04\x03>>> '\\\n\x7f",
        "short é",
        "as long as a line €😀\x85",
        range(5, 0, -1),
        range(3),
        frozenset(),
        set(),
        (),
        (1,),
        bytearray(),
        array.array("h"),
        array.array("Q", [1 << 63]),
        [[], {}, [[[{1: (None, True)}]]]],
        complex(-0.0, math.inf),
        complex(0.0, -0.0),
        complex(-0.0, -0.0),
    ],
    ids=lambda value: repr(value)[:20] if not isinstance(value, int) else "a big int",
)
async def test_the_special_ones_too(board: Board, sent):
    assert same(await board.eval(encode(sent)), sent)


async def test_as_deep_as_is_allowed_the_parser_of_a_board_goes(board: Board):
    value: object = 1
    for _ in range(99):
        value = [value]
    assert await board.eval(f"len({encode(value)})") == 1


async def test_no_string_stays_in_the_memory_of_the_board(board: Board):
    await board.exec("import micropython\ndef kept():\n micropython.qstr_info()\n")
    before = (await board.exec("kept()")).output
    sent = {
        "k1": "v1",
        b"k2": 0.25,
        ("k3", math.nan): array.array("b", b"4"),
        "long enough to be kept out": 1j,
        "": -0.1,
    }
    assert len(await board.eval(encode(sent))) == len(sent)
    assert (await board.exec("kept()")).output == before


@given(finite, st.sampled_from([32, 30]))
def test_narrower_floats_are_the_nearest_ones_whatever_is_rounded_on_the_way(value, bits):
    try:
        text = encode(value, float_bits=bits)
    except UsageError as error:
        assert abs(value) > 3.4e38
        assert f"{bits}-bit floats" in str(error)
        return
    got = _narrow(ast.parse(text, mode="eval").body, bits)
    assert got == _nearest(value, bits)
    assert math.copysign(1, got) == math.copysign(1, value)


def _nearest(value: float, bits: int) -> float:
    step = max(math.frexp(value)[1] - {32: 24, 30: 22}[bits], {32: -149, 30: -147}[bits])
    return math.ldexp(round(math.ldexp(value, -step)), step) if step > -1000 else value


def _narrow(node: ast.expr, bits: int) -> float:
    """Compute as a board with floats of 32 bits does, cutting off the lowest two where it keeps 30."""
    match node:
        case ast.Constant(value):
            assert type(value) is float or abs(value) < 1 << 30, "boards without long integers have 31 bits"
            return _cut(value, bits) if type(value) is float else _cut(value, 32)
        case ast.UnaryOp(ast.USub(), operand):
            return -_narrow(operand, bits)
        case ast.BinOp(ast.Constant(1), ast.LShift(), ast.Constant(power)):
            assert power < 30
            return float(1 << power)
        case ast.BinOp(left, operator, right):
            one, other = _narrow(left, bits), _narrow(right, bits)
            return _cut(one * other if isinstance(operator, ast.Mult) else one / other, bits)
    raise AssertionError(ast.dump(node))


def _cut(value: float, bits: int) -> float:
    (word,) = struct.unpack("I", struct.pack("f", value))
    return struct.unpack("f", struct.pack("I", word & ~3 if bits == 30 else word))[0]


def test_short_numbers_stay_short():
    assert [encode(value) for value in (0.1, -2.5, 3.0, 1e-7, 0.0)] == [
        "1/10",
        "-25/10",
        "3.",
        "1/10000000",
        "0.",
    ]
    assert encode([1, True, None, "a", b"a"]) == "[1,True,None,'a          '[:1],b'a          '[:1]]"


@pytest.mark.parametrize("bits", [31, 64])
def test_integers_are_checked_against_the_width_of_the_board(bits):
    least, most = -(1 << bits - 1), (1 << bits - 1) - 1
    for value in (least, most, least + 1, 0):
        text = encode(value, int_bits=bits)
        assert eval(text) == value
        assert all(
            abs(node.value) <= most for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)
        )
    for value in (least - 1, most + 1, [most + 1]):
        with pytest.raises(UsageError, match=f"does not fit the board's {bits} bits"):
            encode(value, int_bits=bits)


class Colour(enum.IntEnum):
    RED = 1


class Point(NamedTuple):
    x: int
    y: int


cyclic: list[object] = [1, {"k": ()}]
cyclic[1]["k"] = (cyclic,)
deep: object = 0
for _ in range(101):
    deep = [deep]


@pytest.mark.parametrize(
    ("value", "place", "reason"),
    [
        (object(), "argument 'x' ", "a value of object"),
        ([1, 2, {"k": {1, b""}, "l": object()}], "argument 'x'[2]['l'] ", "a value of object"),
        ({(1, Colour.RED): 2}, "argument 'x'[the key (1, <Colour.RED: 1>)][1] ", "send int(...) of it"),
        ((Point(1, 2),), "argument 'x'[0] ", "send tuple(...) of it"),
        (collections.OrderedDict(), "argument 'x' ", "send dict(...) of it"),
        ([memoryview(b"")], "argument 'x'[0] ", "send bytes(...) of it"),
        (cyclic, "argument 'x'[1]['k'][0] ", "a cycle"),
        (deep, "argument 'x'[0][0]", "deeper than 100"),
        (["\ud800"], "argument 'x'[0] ", "half a surrogate pair"),
        (array.array("l", [1 << 40]), "argument 'x' ", "use 'q'"),
        (array.array("u", "a"), "argument 'x' ", "boards do not have"),
        (len, "argument 'x' ", "a value of builtin_function_or_method"),
        (..., "argument 'x' ", "a value of ellipsis"),
    ],
)
def test_what_cannot_be_sent_says_where_it_is(value, place, reason):
    with pytest.raises(UsageError) as caught:
        encode(value, name="argument 'x'")
    assert str(caught.value).startswith(place)
    assert reason in str(caught.value)


def test_one_value_in_two_places_is_no_cycle():
    shared = [1]
    assert encode([shared, shared, {1: shared}]) == "[[1],[1],{1:[1]}]"


@pytest.mark.parametrize("bits", [0, 16])
def test_a_board_without_floats_gets_none(bits):
    with pytest.raises(UsageError, match="floats"):
        encode([1, 2.5], float_bits=bits)
    assert encode([1, 2], float_bits=bits) == "[1,2]"


def test_a_long_way_into_a_value_is_shortened():
    deep: list[object] = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(UsageError, match=r"^argument 'x'(\[0\]){5}\.\.\.(\[0\]){5} cannot"):
        encode(deep, name="argument 'x'")
