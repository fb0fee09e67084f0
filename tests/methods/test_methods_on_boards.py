"""Methods on a real interpreter: what is sent gives what the function gives, and fails where it fails."""

import sys
import traceback

import pytest
import sample_functions as samples

from devsession.board.board import Board
from devsession.errors import DeviceError, Frame, UsageError
from devsession.methods.arguments import encode
from devsession.methods.frames import locate
from devsession.methods.method import Kind, Method, check_names
from devsession.methods.names import BUILTINS, used


def call(method: Method, *args, **kwargs) -> str:
    bound = method.bind(args, kwargs)
    sent = [encode(value) for value in bound.args]
    sent += [f"{name}={encode(value)}" for name, value in bound.kwargs.items()]
    return f"{method.name}({','.join(sent)})"


@pytest.mark.parametrize(
    ("function", "args"), samples.PLAIN, ids=lambda value: getattr(value, "__name__", None)
)
async def test_a_function_gives_there_what_it_gives_here(board: Board, function, args):
    method = Method.of(function)
    check_names(method)
    await board.exec(method.text)
    assert await board.eval(call(method, *args)) == function(*args)


@pytest.mark.parametrize("function", samples.FAILING, ids=lambda value: value.__name__)
@pytest.mark.parametrize("labelled", [False, True])
async def test_a_function_fails_there_where_it_fails_here(board: Board, function, labelled):
    method = Method.of(function)
    try:
        function()
    except ZeroDivisionError as error:
        here = traceback.extract_tb(error.__traceback__)[1:]
    text = f"exec(compile({method.text!r}, {method.label!r}, 'exec'))" if labelled else method.text
    await board.exec(text)
    with pytest.raises(DeviceError) as failed:
        await board.eval(call(method))
    found = locate(failed.value.frames, method)
    named = [frame for frame in found if frame.function != "<module>"]
    # Newer Pythons have no frames for comprehensions.
    assert {frame.file for frame in named} == {samples.__file__}
    assert (
        dict.fromkeys(frame.line for frame in named).keys()
        == dict.fromkeys(frame.lineno for frame in here).keys()
    )


async def test_a_syntax_error_is_told_where_it_is(board: Board):
    def modern(value):
        "Something that MicroPython does not have."
        match value:
            case 1:
                return 2

    method = Method.of(modern)
    with pytest.raises(DeviceError) as failed:
        await board.exec(method.text)
    assert locate(failed.value.frames, method) == (Frame(__file__, modern.__code__.co_firstlineno + 2, ""),)
    assert failed.value.kind == "SyntaxError"


async def test_the_builtins_of_a_board_are_known(board: Board):
    there = set(await board.eval("dir(__import__('builtins'))")) - {"__class__", "__dict__"}
    assert there <= BUILTINS


@pytest.mark.parametrize("emitter", ["native", "viper"])
async def test_machine_code(board: Board, emitter):
    def scaled(value: int, by: int = 3) -> int:
        "Multiplies."
        # in machine code
        return value * by

    method = Method.of(scaled, emitter=emitter)
    assert (
        method.text == f"@micropython.{emitter}\ndef scaled(value:int,by:int=3)->int:\n\n\n return value*by"
    )
    assert method.first_line == scaled.__code__.co_firstlineno - 1
    await board.exec(method.text)
    assert await board.eval(call(method, 5)) == 15
    assert await board.eval(call(method, by=2, value=5)) == 10


async def test_generators_and_coroutines(board: Board):
    counted, waited = Method.of(samples.counted), Method.of(samples.waited)
    assert counted.kind is Kind.GENERATOR
    assert waited.kind is Kind.ASYNC
    assert Method.of(samples.add).kind is Kind.PLAIN
    await board.exec(f"{counted.text}\n{waited.text}\n")
    assert await board.eval(f"list({call(counted, 3)})") == [0, 1, 2]
    assert await board.eval(f"__import__('asyncio').run({call(waited, 3)})") == 4


async def test_positional_arguments_may_bear_the_names_of_others(board: Board):
    def both(value, /, **others):
        return value, others

    method = Method.of(both)
    with pytest.raises(UsageError, match="'value'"):
        method.bind((1,), {"value": 2})
    await board.exec(method.text)
    assert await board.eval(call(method, 1, other=2)) == (1, {"other": 2})


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type parameters came with Python 3.12")
async def test_type_parameters(board: Board, tmp_path, monkeypatch):
    (tmp_path / "parametrised.py").write_text(
        'def first[T: (int, str)](items: list[T]) -> T:\n    return f"{"a"}" and items[0]\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    import parametrised

    method = Method.of(parametrised.first)
    assert method.text.startswith("def first(items):\n")
    assert used(method.text).read == frozenset()
