"""What is sent of a function: the same program, each part in its line, without what a board does not need."""

import ast
import importlib
import inspect
import linecache
import types
import warnings
from collections.abc import Iterator

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from devsession.errors import UsageError
from devsession.methods.method import Method
from devsession.methods.stripping import emitter_of

# Modules with all that the language has, each of their functions being an example.
_NAMES = (
    "argparse asyncio.base_events asyncio.tasks collections configparser contextlib dataclasses difflib dis doctest enum functools inspect"
    " ipaddress pickle pprint pydoc socket statistics subprocess tarfile tempfile threading tokenize traceback types typing"
    " unittest.case urllib.request xml.etree.ElementTree zipfile"
    " devsession.board.board devsession.board.running devsession.links devsession.methods.method devsession.session.manager"
)


def functions(module: types.ModuleType) -> Iterator[types.FunctionType]:
    owners = [module, *(value for value in vars(module).values() if inspect.isclass(value))]
    for owner in owners:
        for value in vars(owner).values():
            inner = inspect.unwrap(getattr(value, "__func__", value)) if callable(value) else None
            if isinstance(inner, types.FunctionType) and inner.__module__ == module.__name__:
                yield inner


class Sent(ast.NodeTransformer):
    """Does to a tree what is done to the text."""

    def visit_FunctionDef(self, node):
        if not emitter_of(node.decorator_list):
            node.returns = None
            for arg in ast.walk(node.args):
                if isinstance(arg, ast.arg):
                    arg.annotation = None
        node.type_params = []
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node):
        return self.visit_FunctionDef(node)

    def visit_arguments(self, node):
        node.args = node.posonlyargs + node.args
        node.posonlyargs = []
        return self.generic_visit(node)

    def visit_AnnAssign(self, node):
        if node.value is None:
            return None
        return self.generic_visit(ast.copy_location(ast.Assign([node.target], node.value), node))

    def visit_Expr(self, node):
        if isinstance(node.value, ast.Constant) and node.value.value == 0:
            return None
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return None
        return self.generic_visit(node)


def shape(tree: ast.AST, moved: int) -> list[tuple[str, int]]:
    """Each node with its line: annotations, which stay behind, and lines of what has none apart."""
    return [
        (type(node).__name__, node.lineno - moved)
        for node in ast.walk(Sent().visit(tree))
        if isinstance(node, ast.expr | ast.stmt)
    ]


def compare(method: Method, source: str) -> None:
    """See that the text of ``method`` says what ``source`` does, in the same lines."""
    whole = ast.parse(source)
    original = next(
        node for node in ast.walk(whole) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    original.decorator_list = []
    sent = ast.parse(method.text).body[0]
    # Defaults that are no literals are other text.
    for node in (original, sent):
        node.args.defaults = []
        node.args.kw_defaults = [None for _ in node.args.kw_defaults]
    assert shape(sent, 0) == shape(original, original.lineno - 1), method.text
    assert ast.dump(Sent().visit(sent)) == ast.dump(Sent().visit(original)), method.text


@pytest.mark.parametrize("name", _NAMES.split())
def test_every_function_of_a_module_stays_what_it_is_in_the_lines_where_it_is(name):
    seen = 0
    for function in functions(importlib.import_module(name)):
        # As a staticmethod, so that functions of classes go too.
        try:
            method = Method.of(staticmethod(function))
        except UsageError as error:
            assert any(
                word in error.message
                for word in ("uses", "lambda", "default", "cannot be found", "asynchronous generator")
            ), error
            continue
        lines, _ = inspect.getsourcelines(function)
        compare(method, "if 1:\n" + "".join(lines) if lines[0][0].isspace() else "".join(lines))
        assert not any(line != line.rstrip() for line in method.text.split("\n")) or '"""' in method.text
        seen += 1
    assert seen


# Pieces of programs, with what people put between them.
SIMPLE = [
    "x = a + b", "x: int = (a)", "x: dict[str, int]", "'a string'", '"""of\n  two lines"""', "pass", "return x",
    "x = [i for i in (1, 2)]", "x = '''of\n   two\nlines'''", "del x", "assert a, f'{a!r} {b}'", "a.b: int = 1",
    "a[0]: (int) = (yield)", "(x): int = 1", "x = lambda a, /, *b: a", "x = lambda a=1, /: a", "f(a, *b, **c)",
    "x = a if b else not a", "x = a[1 : -1, ::2]", "global y; y = 1", "return 'a' 'b' \"c\"", "x = -1 .real",
    "x = 0x1f if a else 1e5 or 5", "print(*a, sep='')", "import os, sys as s", "from . import z", "x = a + \\\n   b", "x = (a,\n\nb)",
    "ä: 'ü' = 'é'", "'ü'", "x = lambda ä, é='ü', /: ä",
]  # fmt: skip
HEADS = [
    "if a:", "while a and b:", "for i in a:", "with a as b:", "class A(B, metaclass=C):", "async def h(a: (int), /) -> (int):",
    "def g(a: (lambda b, /, c=1: b) = 1, *, d: (lambda: 0)): ",
    "def g(a: int, /, b: 'str' = '', *c: int, d=1, **e: dict[str, int]) -> None:", "@a.b(1)\n{}def g(a, /): ", "def g(): ",
    "def g(\n  a: list[\n  int],  # a\n  /,\n) -> list[\n int]:",
]  # fmt: skip
COMMENTS = ["", "", "  # a comment", " # 'quoted'", "\t# it's: [open"]
BLANKS = ["", "", "\n", "  \n", "# at the side\n", "        # deep\n"]


@st.composite
def blocks(draw: st.DrawFn, level: int, indent: str) -> str:
    text = ""
    for _ in range(draw(st.integers(1, 3))):
        text += draw(st.sampled_from(BLANKS)) + indent * level
        if level < 4 and draw(st.booleans()):
            text += draw(st.sampled_from(HEADS)).replace("{}", indent * level)
            if draw(st.booleans()):
                text += draw(st.sampled_from(SIMPLE)) + draw(st.sampled_from(COMMENTS)) + "\n"
            else:
                text += draw(st.sampled_from(COMMENTS)) + "\n" + draw(blocks(level + 1, indent))
        else:
            line = ";".join(draw(st.lists(st.sampled_from(SIMPLE), min_size=1, max_size=3)))
            text += line + draw(st.sampled_from(COMMENTS)) + "\n"
    return text


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_any_layout_stays_what_it_is_in_the_lines_where_it_is(data: st.DataObject):
    indent = data.draw(st.sampled_from(["  ", "    ", "\t"]))
    head = "async " if data.draw(st.booleans()) else ""
    body = data.draw(blocks(1, indent))
    source = f"@decorated(\n  1)\n{head}def function(a: int = 1, /, b=2, *c: int) -> int:\n{body}"
    try:
        function = defined(source)
    except SyntaxError:
        reject()
    try:
        method = Method.of(function)
    except UsageError as error:
        assert "asynchronous generator" in error.message
        return
    compare(method, source)
    assert "#" not in method.text


def defined(source: str) -> types.FunctionType:
    """Define a function as a notebook does: it has no file, and its lines are at hand."""
    name = "<cell 1>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    names = {"decorated": lambda _: lambda function: function, "__name__": "notebook"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(source, name, "exec"), names)
    function = names["function"]
    assert isinstance(function, types.FunctionType)
    return function
