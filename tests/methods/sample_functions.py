"""Functions as people write them for boards: each runs here and there, and gives the same.

They are written in every way there is, which is what the tests are about: no formatter comes near them.
"""

import math
from typing import Any, Optional

SIZE = 4 * 1024
PATTERN = b"\x00\xff\x1e"
LIMITS = {"low": (-1.5, None), "high": [math.inf, 2]}


def noted(*args, **kwargs):
    def decorate(function):
        return function

    return decorate


def add(a: int, b: int = 2) -> int:
    """Add two numbers.

    The second one may be left out.
    """
    return a + b


def one_line(a): return a * 2


def only_documented():
    """Does nothing."""


def documented_in_one_line(): "Does nothing."


@noted("a", b=[1, 2, 3])
@noted(
    # with a comment
    "b",
)
def decorated(
    first: "list[int]",  # the first
    /,
    *rest: int,
    size: int = SIZE,
    limits: dict[
        str, Any
    ] = LIMITS,
    scale=-1.5e-3,
    pattern=PATTERN,
) -> tuple[
    Any, ...
]:
    # a comment at the start
    total: int = 0  # and one at the end
    unset: int

    for item in first:  # here
        # there
        total += item

    return total, rest, size, limits["low"], scale, pattern


def strings(name="wörld"):
    text = """one
    two   
three""" "" 'four' "\t\\"
    return text, f"{name} {len(name)!r:>3} {'a' if name else 'b'}", "é" or "ü", b"\x00" b"'"


def spaces(a = 1, b = 2):
    c = a if not b else - b ; d = [ a , - - b , ~ b ] ; return c , d , a<b , 1 .__class__ is int , 0x1f if a else 0, 1.5 if b else .5


def continued(a=1):
    b = a + \
        2 + \
        3
    assert a and \
        b
    return (b
            # within
            + 1,

            b)


def nested(n: int = 3):
    """Has others within."""

    def square(value: int, /) -> int:
        "Squares."
        return value * value

    class Total:
        """Adds."""

        start: int = 1
        other: int

        def __init__(self, more: int) -> None:
            """Keeps it."""
            self.value: int = self.start + more

        def get(self) -> int: return self.value

    # Sorting is not stable on boards.
    key = lambda value, /, by=7: -value % by
    return [square(i) for i in range(n)], Total(n).get(), sorted(range(n), key=key)


def branches(n=5):
    found = []
    for i in range(n):
        if i == 1:
            "nothing"
        elif i == 2: "nothing"; continue
        else:
            x: int
        try:
            found.append(10 // (i - 3))
        except ZeroDivisionError as error:
            """Expected."""
            found.append(str(type(error)))
        finally:
            pass
    else:
        found.append(None)
    while found and (last := found[-1]) is None:
        found.pop()
    return found, last


def	tabbed(n = 2):
	total = 0
	for i in range(n):
		# tabs
		total += i

	return total


def globals_of_its_own():
    global counter
    counter = 1
    counter += 1
    return counter


def imports():
    import math as m
    from array import array as a

    return m.floor(2.5), bytes(a("B", [1, 2]))


def naïve(größe: "Zahl" = 3, ä: "ü" = "ö", /, *ß: "→") -> "ẞ":
    # ein Kommentar: äöü
    "äöü"; größer: "Zahl" = größe; "äöü"
    return {"größe": größe, "ß" * größe: "→"}


def catches(*args, **kwargs):
    return args, sorted(kwargs.items())


class Group:
    @staticmethod
    def inside(a: int, b: int = 1) -> "Optional[int]":
        """Static."""
        return (a - b)


def defaults(a=None, b=True, c=(1,), d=[], e={}, f=float("inf"), g=frozenset({1}), h=range(3), i="a'b", j=1 << 70, k=-0.0):
    return a, b, c, d, e, f, g, list(h), i, j, k


PLAIN = [
    (add, (1,)), (add, (1, 5)), (one_line, ("x",)), (only_documented, ()), (documented_in_one_line, ()),
    (decorated, ([1, 2], 3, 4)), (strings, ()), (spaces, ()), (continued, ()), (nested, ()), (branches, ()), (tabbed, ()),
    (globals_of_its_own, ()), (imports, ()), (naïve, ()), (catches, (1, b"x")), (Group.inside, (5,)), (defaults, ()),
]


def fails_deep(n: int = 0):
    """Fails.

    In the middle.
    """
    # a comment

    def inner(value):
        "Divides."

        return 1 // value

    return [
        1,

        inner(n),
    ]


@noted()
def fails_in_lambda(n=0):
    divide = lambda a: \
        1 // a

    return divide(n)


def fails_in_comprehension(n=0):
    text = """
    three lines
    """
    return [1 // i for i in range(n, 1)], \
        text


def fails_in_one_line(n=0): return 1 // n


def fails_in_class(n=0):
    x: dict[
        int, int
    ] = {}

    class Inner:
        """A class."""

        value = 1 // n

    return Inner, x


def fails_in_generator(n=0):
    # first
    def each():
        """Yields."""
        yield 1
        yield 1 // n

    return list(each())


FAILING = [fails_deep, fails_in_lambda, fails_in_comprehension, fails_in_one_line, fails_in_class, fails_in_generator]


def counted(n: int):
    """Yields."""
    for i in range(n):
        yield i


async def waited(n: int) -> int:
    import asyncio

    await asyncio.sleep(0)
    return n + 1


def many():
    global made, kept
    import os as system

    made = kept + 1
    total = sum(x for x in data)

    class Inner:
        attribute = other

        def get(self):
            return self.attribute, system, free, made

    return total, Inner, (lambda q: q + more)


def reads():
    """Uses what is here."""
    a = print(len("x"))
    return (SIZE, a,
            missing)


def points(buffer):
    return ptr8(buffer)[uint(0)]
