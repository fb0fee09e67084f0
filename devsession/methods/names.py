"""The names that a function uses without defining them, and which of them every board has."""

from __future__ import annotations

import ast
import re
import symtable
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from devsession.methods.source import parse

# What the builtins of MicroPython and CircuitPython hold on the ports that have most of them.
_BUILTINS = """
    ArithmeticError AssertionError AttributeError BaseException BlockingIOError BrokenPipeError BytesWarning ConnectionError
    DeprecationWarning EOFError Ellipsis Exception False FutureWarning GeneratorExit ImportError ImportWarning IndentationError IndexError
    KeyError KeyboardInterrupt LookupError MemoryError NameError None NotImplemented NotImplementedError OSError OverflowError
    PendingDeprecationWarning ReloadException ResourceWarning RuntimeError RuntimeWarning StopAsyncIteration StopIteration SyntaxError
    SyntaxWarning SystemExit TimeoutError True TypeError UnicodeError UnicodeWarning UserWarning ValueError ViperTypeError Warning
    ZeroDivisionError __build_class__ __debug__ __import__ __name__ __repl_print__ abs all any bin bool bytearray bytes callable chr
    classmethod compile complex delattr dict dir divmod enumerate eval exec execfile filter float frozenset getattr globals hasattr hash
    help hex id input int isinstance issubclass iter len list locals map max memoryview min next object oct open ord pow print property
    range repr reversed round set setattr slice sorted staticmethod str sum super tuple type zip
"""
BUILTINS = frozenset(_BUILTINS.split())
# What compilers for machine code know besides.
_EMITTED = {"viper": frozenset({"ptr", "ptr8", "ptr16", "ptr32", "uint"})}
# Decorators that compilers on boards understand without looking at what they name.
_EMITTER = re.compile(r"^ *@micropython\.\w+$", re.MULTILINE)
# Scopes that Python makes for annotations, which do not run.
_SILENT = frozenset({"annotation", "type alias", "type parameters", "type variable", "TypeVar bound"})


@dataclass(frozen=True, slots=True)
class Names:
    """The names of its namespace that a function reads, and those that it sets."""

    read: frozenset[str]
    bound: frozenset[str]


def used(text: str) -> Names:
    """Return the names that the function in ``text`` uses of its namespace; that of the function itself is not among them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = symtable.symtable(_EMITTER.sub("", text), "<method>", "exec")
    symbols = [symbol for function in table.get_children() for symbol in _globals(function)]
    own = {child.get_name() for child in table.get_children()}
    return Names(
        frozenset(symbol.get_name() for symbol in symbols if symbol.is_referenced()) - own,
        frozenset(symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported())
        - own,
    )


def _globals(table: symtable.SymbolTable) -> Iterator[symtable.Symbol]:
    if str(getattr(table.get_type(), "value", table.get_type())) in _SILENT:
        return
    # symtable takes a function called "top" for a module, whose own names are global.
    yield from (
        symbol
        for symbol in table.get_symbols()
        if symbol.is_declared_global() or (symbol.is_global() and not symbol.is_local())
    )
    for child in table.get_children():
        yield from _globals(child)


def known_to(emitter: str | None) -> frozenset[str]:
    """Return the names that every board has, for a function compiled so."""
    return BUILTINS | _EMITTED.get(emitter or "", frozenset())


def line_of(text: str, name: str) -> int:
    """Return the line of ``text`` in which ``name`` is read first."""
    reads = (node for node in ast.walk(parse(text)) if isinstance(node, ast.Name) and node.id == name)
    return min(node.lineno for node in reads)
