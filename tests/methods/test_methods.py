"""Methods on the host: what is refused, what they use and call, when two are the same, how arguments are taken."""

import functools
import importlib
import math
import types
import warnings
from dataclasses import dataclass

import pytest
import sample_functions as samples
from hypothesis import given, settings
from hypothesis import strategies as st

from devsession.errors import Frame, UsageError
from devsession.methods.frames import locate
from devsession.methods.method import Method, check_names

HERE = __file__


@dataclass
class Decorated:
    """What a decorator leaves: something to call, and the method."""

    method: Method


def deployed(function) -> Decorated:
    return Decorated(Method.of(function))


def wrapping(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


limit = 5
modified = {"a": object()}


@deployed
def even(n: int) -> bool:
    return n == 0 or odd(n - 1)


@deployed
def odd(n: int) -> bool:
    return n != 0 and even(n - 1)


@deployed
def uses_even(n: int) -> bool:
    "Calls another, which calls another."
    return even(n)


@deployed
def counts(n):
    return 0 if n == 0 else 1 + counts(n - 1)


class Holder:
    def bound(self):
        return self

    @classmethod
    def of_class(cls):
        return cls

    @staticmethod
    def static(a: int) -> int:
        return a

    class Inner:
        def bound(self):
            return self


async def agen():
    yield 1


REFUSED = [
    (lambda: 1, "a lambda cannot be a method"),
    (agen, "agen is an asynchronous generator"),
    (Holder.bound, "Holder.bound is a method of a class"),
    (Holder().bound, "Holder.bound is a method of a class"),
    (Holder.Inner.bound, "Holder.Inner.bound is a method of a class"),
    (Holder.of_class, "Holder.of_class is a method of a class"),
    (vars(Holder)["of_class"], "is a method of a class"),
    (Holder, "Holder is no Python function"),
    (len, "len is no Python function"),
    (functools.partial(len), "is no Python function"),
    (5, "5 is no Python function"),
    (wrapping(samples.add), "add is wrapped by a decorator"),
    (eval("lambda: 1"), "a lambda cannot be a method"),
]


@pytest.mark.parametrize(("function", "reason"), REFUSED)
def test_what_cannot_run_on_a_board_is_refused(function, reason):
    with pytest.raises(UsageError, match=reason):
        Method.of(function)


def test_a_function_without_a_file_is_refused():
    names: dict[str, object] = {}
    exec("def typed_in(a):\n    return a\n", names)
    with pytest.raises(
        UsageError, match="the source of typed_in cannot be found: it was defined in <string>"
    ):
        Method.of(names["typed_in"])


def test_a_file_that_has_changed_is_noticed(tmp_path, monkeypatch):
    file = tmp_path / "changing.py"
    file.write_text("def first(a):\n    return a\n")
    monkeypatch.syspath_prepend(tmp_path)
    changing = importlib.import_module("changing")
    for text in (
        "# a line more, and longer\ndef first(a):\n    return a\n",
        "def first(b, c):\n    return c\n",
        "def (",
        "",
    ):
        file.write_text(text)
        with pytest.raises(UsageError, match="the source of first cannot be found"):
            Method.of(changing.first)
    file.write_text("def first(a):\n    return a\n")
    assert Method.of(changing.first).text == "def first(a):\n return a"


def test_a_staticmethod_may_be_decorated_on_either_side():
    class Group:
        @deployed
        @staticmethod
        def outside(a: int) -> int:
            return a

        @staticmethod
        @deployed
        def inside(a: int) -> int:
            return a

    assert Group.outside.method.text == "def outside(a):\n return a"
    assert Group.inside.method.text == "def inside(a):\n return a"
    assert Method.of(Holder.static).first_line == Holder.static.__code__.co_firstlineno + 1


def test_what_is_a_method_already_is_not_made_again():
    assert Method.of(even) is even.method
    native = Method.of(even, emitter="native")
    assert native.text.split("\n")[:2] == ["@micropython.native", "def even(n:int)->bool:"]
    assert Method.of(Decorated(native)) is native


def test_a_default_that_cannot_be_sent_is_refused():
    def one(a, b=modified): ...

    def other(*, key=len): ...

    with pytest.raises(
        UsageError, match=r"the default of 'b'\['a'\] cannot be sent to the board: a value of object"
    ):
        Method.of(one)
    with pytest.raises(UsageError, match="the default of 'key' cannot be sent to the board"):
        Method.of(other)


def test_defaults_are_written_as_the_values_they_have():
    third = 1 / 3

    def some(a=limit, b=third, c=(limit, "x"), d=-math.inf, e=samples.SIZE * 2, *, f=limit, g): ...

    assert Method.of(some).text == "def some(a=5,b=0.3333333333333333,c=(5, 'x'),d=-1e999,e=8192,*,f=5,g):..."


def test_variables_of_the_function_around_are_refused_by_name():
    gain = 3
    hidden: int = 4
    number = int

    def closes():
        return gain

    def annotated():
        x: number = 1
        return x

    def within():
        return [hidden for _ in range(3)]

    with pytest.raises(
        UsageError, match=r"closes uses 'gain' of the function around it, a value of type int"
    ) as error:
        Method.of(closes)
    assert error.value.hint == "pass 'gain' as an argument"
    with pytest.raises(UsageError, match="within uses 'hidden'"):
        Method.of(within)
    assert Method.of(annotated).text == "def annotated():\n x=1\n return x"


def test_methods_and_modules_of_the_function_around_are_names():
    import time

    @deployed
    def first(n):
        return second(n) if n else time.time()

    @deployed
    def second(n):
        return first(n - 1)

    assert first.method.calls == {"second": second.method}
    assert second.method.calls == {"first": first.method}
    assert first.method.names == {"second", "time"}
    check_names(second.method, known={"time"})


def test_a_variable_of_the_function_around_that_becomes_no_method_is_refused_when_it_is_looked_at():
    @deployed
    def first():
        return later()

    assert first.method.calls == {}
    later = int
    with pytest.raises(
        UsageError, match="first uses 'later' of the function around it, a value of type type"
    ):
        assert first.method.digest
    assert later


def test_names_and_calls():
    assert even.method.names == {"odd"}
    assert even.method.calls == {"odd": odd.method}
    assert uses_even.method.reachable() == [uses_even.method, even.method, odd.method]
    assert counts.method.names == frozenset()
    assert counts.method.calls == {}
    assert Method.of(samples.many).names == {"kept", "sum", "data", "other", "free", "more"}


def test_names_of_the_host_are_refused_with_their_lines():
    first = samples.reads.__code__.co_firstlineno
    with pytest.raises(
        UsageError,
        match=rf"reads uses 'SIZE' \(line {first + 3}\), 'missing' \(line {first + 4}\) of .*sample_functions",
    ):
        check_names(Method.of(samples.reads))
    check_names(Method.of(samples.reads), known={"SIZE", "missing"})
    reads = deployed(samples.reads)

    def reaches():
        return reads()

    with pytest.raises(UsageError, match="reads uses 'SIZE'"):
        check_names(Method.of(reaches))
    check_names(even.method)


def test_what_python_has_warned_of_is_not_told_again(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "warned.py").write_text('def pattern():\n    return "\\d" f"\\."\n')
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warned = importlib.import_module("warned")
    method = Method.of(warned.pattern)
    assert method.text == 'def pattern():\n return "\\d" f"\\."'
    assert locate([Frame("<string>", 2, "pattern")], method) == (Frame(warned.__file__, 2, "pattern"),)


def test_machine_code_knows_pointers():
    check_names(Method.of(samples.points, emitter="viper"))
    with pytest.raises(UsageError, match="ptr8"):
        check_names(Method.of(samples.points))
    with pytest.raises(UsageError, match="'asm_thumb'"):
        Method.of(samples.points, emitter="asm_thumb")


def test_decorators_choose_the_compiler():
    micropython = types.SimpleNamespace(
        **{name: lambda f: f for name in ("native", "viper", "bytecode", "asm_thumb")}
    )

    @micropython.viper
    def fast(a: int) -> int:
        @micropython.native
        def inner(b: int): ...

        def other(b: int): ...

        return a

    @micropython.bytecode
    def usual(a: int) -> int:
        return a

    @micropython.asm_thumb
    def assembled(r0):
        return r0

    method = Method.of(fast)
    assert method.emitter == "viper"
    assert method.text.split("\n") == [
        "@micropython.viper",
        "def fast(a:int)->int:",
        " @micropython.native",
        " def inner(b:int):...",
        "",
        " def other(b):...",
        "",
        " return a",
    ]
    assert Method.of(usual).text == "def usual(a):\n return a"
    with pytest.raises(UsageError, match="'asm_thumb'"):
        Method.of(assembled)


def module(tmp_path, name: str, text: str) -> types.ModuleType:
    (tmp_path / f"{name}.py").write_text(f"from test_methods import deployed\n{text}")
    return importlib.import_module(name)


def test_digests_tell_what_runs(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(HERE.rpartition("/")[0])
    body = "@deployed\ndef a(n: int):\n    return b(n)\n@deployed\ndef b(n):\n    return a(n) + {}\n"
    one = module(tmp_path, "digest_one", body.format(1))
    # Comments and annotations are not sent, and where it stands does not matter.
    same = module(tmp_path, "digest_same", "\n\n# more\n" + body.replace(": int", "").format("1  # here"))
    other = module(tmp_path, "digest_other", body.format(2))
    assert one.a.method.digest == same.a.method.digest
    assert one.b.method.digest == same.b.method.digest
    # What it calls is another.
    assert one.a.method.text == other.a.method.text
    assert one.a.method.digest != other.a.method.digest
    assert one.a.method.digest != one.b.method.digest
    assert len(one.a.method.digest) == 8
    # A method defined anew is the one that is called.
    before = one.a.method.digest
    one.b = other.b
    assert one.a.method.digest != before


def test_digests_are_the_same_in_every_process():
    assert (uses_even.method.digest.hex(), counts.method.digest.hex()) == (
        "23a5180838d9ba48",
        "58cc49f1bd9d5129",
    )


def test_what_a_function_does_not_take_is_told():
    method = Method.of(samples.add)
    for args, kwargs, reason in [
        ((), {}, r"add\(\): missing a required argument: 'a'"),
        ((1, 2, 3), {}, r"add\(\): too many positional arguments"),
        ((1,), {"c": 1}, r"add\(\): got an unexpected keyword argument 'c'"),
        ((1,), {"a": 1}, r"add\(\): multiple values for argument 'a'"),
    ]:
        with pytest.raises(TypeError, match=reason):
            method.bind(args, kwargs)


def test_annotations_are_not_looked_at():
    def typed(a: "Nowhere", b=1): ...  # noqa: F821

    assert Method.of(typed).bind((1,)).args == (1,)


def takes_all(a, /, b, c=3, *rest, d, e=5, **others):
    return a, b, c, rest, d, e, others


def takes_many(a=1, b=2, c=3, *, d=4):
    return a, b, c, d


@pytest.mark.parametrize("function", [takes_all, takes_many, samples.add, samples.one_line, samples.catches])
@given(st.lists(st.integers(), max_size=5), st.dictionaries(st.sampled_from("abcdefg"), st.integers()))
@settings(max_examples=50, deadline=None)
def test_bound_arguments_are_those_of_a_call(function, args, kwargs):
    method = Method.of(function)
    names: dict[str, object] = {}
    exec(method.text, names)
    try:
        expected = function(*args, **kwargs)
    except TypeError:
        # Python 3.13.0 does not notice a positional argument that is missing when there is a keyword of its name.
        with pytest.raises((TypeError, UsageError)):
            method.bind(args, kwargs)
        return
    try:
        bound = method.bind(args, kwargs)
    except UsageError:
        assert function is takes_all
        assert "a" in kwargs
        return
    assert names[method.name](*bound.args, **bound.kwargs) == expected


def test_frames_of_others_stay_as_they_are():
    method = uses_even.method
    frames = (
        Frame("<string>", 1, "<module>"),
        Frame("<string>", 3, "uses_even"),
        Frame("<string>", 2, "even"),
        Frame("<string>", 9, "even"),
        Frame("main.py", 2, "even"),
        Frame(odd.method.label, 2, "odd"),
        Frame(odd.method.label, 77, "odd"),
    )
    even_line = even.method.first_line + 1
    assert locate(frames, method) == (
        frames[0],
        Frame(HERE, method.first_line + 2, "uses_even"),
        Frame(HERE, even_line, "even"),
        frames[3],
        frames[4],
        Frame(HERE, odd.method.first_line + 1, "odd"),
        frames[6],
    )
    assert locate([Frame("<call>", 2, "even")], method, program="<call>") == (Frame(HERE, even_line, "even"),)


def test_a_frame_that_may_be_of_several_methods_stays_as_it_is():
    @deployed
    def one():
        call = lambda: other()  # noqa: E731, PLW0108
        return call()

    @deployed
    def other():
        call = lambda: 1 // 0  # noqa: E731
        return call()

    frame = Frame("<string>", 2, "<lambda>")
    assert locate([frame], other.method) == (Frame(HERE, other.method.first_line + 1, "<lambda>"),)
    assert locate([frame], one.method) == (frame,)
