"""Which modules a program imports, seen on the host before it is sent.

A guard rail against mistakes and no sandbox: what a program does with ``exec``, or a module it may import does, is not looked into.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from devsession.errors import UsageError
from devsession.methods.method import Method
from devsession.methods.source import Definition, parse
from devsession.protocol import source as sources


def check(source: str, allowed: frozenset[str], what: str = "the program") -> None:
    """Raise UsageError when ``source`` imports what is not in ``allowed``, or cannot be read; a module brings its submodules."""
    try:
        tree = ast.parse(sources.normalise(source))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise UsageError(
            f"{what} cannot be checked for imports: {error.args[0]}" + (f", line {line}" if line else ""),
            phase="imports",
        ) from None
    _refuse(ast.walk(tree), allowed, what)


def check_method(method: Method, allowed: frozenset[str]) -> None:
    """Raise UsageError when the body of ``method`` imports what is not in ``allowed``; what its defaults need was worked out here."""
    definition = parse(method.text).body[0]
    assert isinstance(definition, Definition)
    body = (node for statement in definition.body for node in ast.walk(statement))
    _refuse(body, allowed, f"{method.name} of {method.file}", method.first_line - 1)


def _refuse(nodes: Iterable[ast.AST], allowed: frozenset[str], what: str, before: int = 0) -> None:
    """Raise UsageError for the first import that is not allowed; ``before`` says how many lines go before the first."""
    for line, names in _imported(nodes):
        if not any(name == module or name.startswith(f"{module}.") for name in names for module in allowed):
            raise UsageError(
                f"{what} imports {names[0] or 'what cannot be known before'} in line {line + before}, which its profile does not allow",
                phase="imports",
                hint=f"allowed are {', '.join(sorted(allowed)) or 'none'}",
            )


def _imported(nodes: Iterable[ast.AST]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield what is imported, each with its line and the names one of which has to be allowed."""
    constant: set[int] = set()
    for node in nodes:
        match node:
            case ast.Import(names):
                yield from ((node.lineno, (alias.name,)) for alias in names)
            case ast.ImportFrom(module, names):
                module = "." * node.level + (module or "")
                yield from ((node.lineno, (module, f"{module}.{alias.name}")) for alias in names)
            case ast.Call(ast.Name("__import__") as function, [ast.Constant(str(name)), *_]):
                constant.add(id(function))
                yield node.lineno, (name,)
            case ast.Name("__import__") if id(node) not in constant:
                yield node.lineno, ("",)
