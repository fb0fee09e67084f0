"""A Python function as a method for boards: what is sent for it, what it needs there, how it is called."""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from functools import cached_property
from types import FunctionType, ModuleType
from typing import Any, Self

from devsession.errors import UsageError
from devsession.methods import arguments, names, source, stripping

_MISSING = object()
# Enough to tell all functions apart that are ever written.
_DIGEST_SIZE = 8


class Kind(Enum):
    """How a method gives what it has."""

    PLAIN = "plain"  # returns a value
    GENERATOR = "generator"  # yields values
    ASYNC = "async"  # is awaited


class Method:
    """A function that runs on boards; made by ``Method.of``.

    ``function`` is the one on the host, ``name`` its name here and there; ``text`` is what is sent, MicroPython source whose line 1 is line
    ``first_line`` of ``file``. ``names`` are those that it reads of its namespace on the board and does not set there itself, without its
    own; builtins are among them. ``emitter`` is ``"native"``, ``"viper"`` or None.
    """

    def __init__(self, function: FunctionType, text: str, first_line: int, emitter: str | None) -> None:
        found = names.used(text)
        self.function = function
        self.name = function.__code__.co_name
        self.text = text
        self.file = function.__code__.co_filename
        self.first_line = first_line
        self.names = found.read - found.bound
        self.emitter = emitter
        self.kind = _kind(function)

    def __repr__(self) -> str:
        return f"<Method {self.name} at {self.file}:{self.first_line}>"

    @classmethod
    def of(cls, function: Any, *, emitter: str | None = None) -> Self:
        """Return ``function`` as a method; what has been made one (by a decorator that left it in ``.method``) is not made again.

        Its decorators are left out, but for ``micropython.native`` and ``micropython.viper``. Defaults are sent as the values they have.

        Arguments: ``function`` a function defined with ``def`` or ``async def``, or a staticmethod; ``emitter`` ``"native"`` or ``"viper"``
        as if it had that decorator (default None).

        Raises UsageError, which says why, for anything that cannot run on a board: a lambda, a class, a method of one, an asynchronous
        generator, a function that another decorator wraps or that uses variables of the function around it, a default that cannot be sent,
        a function whose source is not to be had.
        """
        made = getattr(function, "method", None)
        if isinstance(made, cls):
            if emitter in {None, made.emitter}:
                return made
            function = made.function
        plain = source.plain_function(function)
        found = source.find(plain, static=isinstance(function, staticmethod))
        emitter = _emitter(plain, emitter or stripping.emitter_of(found.definition.decorator_list))
        defaults = _defaults(plain, found.definition)
        text = stripping.strip(found.lines, found.definition, defaults=defaults, emitter=emitter)
        first_line = found.before + found.definition.lineno - (emitter is not None)
        method = cls(plain, text, first_line, emitter)
        method._check_closure()
        return method

    @property
    def calls(self) -> Mapping[str, Method]:
        """The methods that this one calls, by the names it has for them; looked up anew each time, as they may be defined later.

        Raises UsageError when a variable of the function around it has come to hold something else.
        """
        self._check_closure()
        found = ((name, getattr(self._host_value(name), "method", None)) for name in sorted(self.names))
        return {name: method for name, method in found if isinstance(method, Method)}

    @property
    def digest(self) -> bytes:
        """Eight bytes made of the text and those of all methods that are reached from here: where they are equal, so is what runs."""
        reached = self.reachable()
        content = hashlib.blake2s(digest_size=_DIGEST_SIZE)
        for method in reached:
            links = [f"{name} {reached.index(called)}\n" for name, called in method.calls.items()]
            content.update(
                f"{len(method.text.encode())} {len(links)}\n{method.text}{''.join(links)}".encode()
            )
        return content.digest()

    @property
    def label(self) -> str:
        """A name for its text that no other has, for boards that can show one in tracebacks."""
        return f"{self.name}-{self.digest.hex()[:8]}"

    def reachable(self) -> list[Method]:
        """Return this method and all that it calls, itself or through others, in an order that depends on their text alone."""
        found: list[Method] = [self]
        for method in found:  # which grows
            found += [called for called in method.calls.values() if called not in found]
        return found

    def bind(
        self, args: Iterable[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> inspect.BoundArguments:
        """Return the arguments as the function takes them: ``.args`` and ``.kwargs`` of it are what is to be sent.

        As many as can be are given by position.

        Raises TypeError for arguments that the function does not take; UsageError for a keyword that is called as a positional one, which
        MicroPython cannot keep apart.
        """
        try:
            bound = self._signature.bind(*args, **(kwargs or {}))
        except TypeError as error:
            raise TypeError(f"{self.name}(): {error}") from None
        self._check_collisions(bound)
        if self.emitter == "viper":
            # Such functions have neither keyword arguments nor defaults.
            bound.apply_defaults()
        return bound

    def _check_collisions(self, bound: inspect.BoundArguments) -> None:
        parameters = self._signature.parameters.values()
        positional = {p.name for p in parameters if p.kind is inspect.Parameter.POSITIONAL_ONLY}
        taken = positional & bound.kwargs.keys()
        if taken:
            raise UsageError(
                f"{self.name}() has a positional argument {min(taken)!r}: MicroPython has no other of that name"
            )

    @cached_property
    def _signature(self) -> inspect.Signature:
        # Of a function without annotations, which might be evaluated otherwise.
        function = self.function
        bare = FunctionType(function.__code__, {}, self.name, function.__defaults__, function.__closure__)
        bare.__kwdefaults__ = function.__kwdefaults__
        return inspect.signature(bare)

    def _host_value(self, name: str) -> object:
        code = self.function.__code__
        if name in code.co_freevars and self.function.__closure__:
            cell = self.function.__closure__[code.co_freevars.index(name)]
            try:
                return cell.cell_contents
            except ValueError:
                return _MISSING
        return self.function.__globals__.get(name, _MISSING)

    def _check_closure(self) -> None:
        for name in self.function.__code__.co_freevars:
            value = self._host_value(name)
            if name not in self.names or value is _MISSING or isinstance(value, ModuleType):
                continue
            if not isinstance(getattr(value, "method", None), Method):
                raise UsageError(
                    f"{self.name} uses {name!r} of the function around it, {_described(value)}, which the board does not have",
                    hint=f"pass {name!r} as an argument",
                )


def check_names(method: Method, known: Iterable[str] = ()) -> None:
    """Raise UsageError when a name would be missing on the board, in ``method`` or in a method that is reached from it.

    For methods with a namespace of their own. They have the builtins, what they import or define themselves, the methods that they call,
    and ``known``. The error names the others with their lines.
    """
    for reached in method.reachable():
        unknown = reached.names - names.known_to(reached.emitter) - reached.calls.keys() - frozenset(known)
        if unknown:
            raise _missing(reached, unknown)


def _missing(method: Method, unknown: frozenset[str]) -> UsageError:
    found = sorted((names.line_of(method.text, name), name) for name in unknown)
    listed = ", ".join(f"{name!r} (line {method.first_line + line - 1})" for line, name in found)
    return UsageError(
        f"{method.name} uses {listed} of {method.file}, which it does not have on the board",
        hint="import it within the function, pass it as an argument, make it a method too, or make this one a session's",
    )


def _kind(function: Callable[..., Any]) -> Kind:
    if inspect.isgeneratorfunction(function):
        return Kind.GENERATOR
    return Kind.ASYNC if inspect.iscoroutinefunction(function) else Kind.PLAIN


def _emitter(function: FunctionType, emitter: str | None) -> str | None:
    if emitter is not None and emitter not in stripping.EMITTERS:
        raise UsageError(
            f"{function.__qualname__} is to be compiled as {emitter!r}, which methods cannot be",
            hint="use native or viper",
        )
    return emitter


def _defaults(function: FunctionType, definition: source.Definition) -> dict[ast.expr, str]:
    """Return the text for each default that is no literal."""
    return {
        node: _constant(value, f"the default of {name!r}")
        for name, node, value in _default_values(function, definition.args)
        if not _is_literal(node)
    }


def _default_values(function: FunctionType, args: ast.arguments) -> Iterator[tuple[str, ast.expr, Any]]:
    positional = [*args.posonlyargs, *args.args][-len(args.defaults) :] if args.defaults else []
    for arg, node, value in zip(positional, args.defaults, function.__defaults__ or (), strict=True):
        yield arg.arg, node, value
    for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        if default is not None and function.__kwdefaults__:
            yield arg.arg, default, function.__kwdefaults__[arg.arg]


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _constant(value: Any, name: str) -> str:
    """Return a value as source text that does not depend on the board: its literal, where it has one."""
    written = arguments.encode(value, name=name)
    literal = repr(value)
    return literal if _is_literal(ast.parse(literal, mode="eval").body) else written


def _described(value: object) -> str:
    return f"a value of type {type(value).__name__} here"
