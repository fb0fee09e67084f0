"""What is sent of a function: the same program, each part in its line, without what a board does not need."""

import ast
import importlib
import inspect
import types
from collections.abc import Iterator

import pytest

from devsession.errors import UsageError
from devsession.methods.method import Method
from devsession.methods.stripping import emitter_of

# Modules with all that the language has, each of their functions being an example.
_NAMES = (
    "argparse asyncio.base_events asyncio.tasks collections configparser contextlib dataclasses difflib dis doctest enum functools inspect"
    " ipaddress pathlib pickle pprint pydoc socket statistics subprocess tarfile tempfile threading tokenize traceback types typing"
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
        whole = ast.parse("if 1:\n" + "".join(lines) if lines[0][0].isspace() else "".join(lines))
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
        assert not any(line != line.rstrip() for line in method.text.split("\n")) or '"""' in method.text
        seen += 1
    assert seen
