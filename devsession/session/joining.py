"""Putting code of ours in front of a program, in one exec with it and without moving its lines."""

from __future__ import annotations

import re

from devsession.protocol import source as sources

# A session's exec on a board with 9 KB of heap has at most 1.2 KB; what is longer together goes alone.
LIMIT = 1000
_EMPTY = re.compile(r"\s*(#|\Z)")
# A line that begins so cannot stand behind other statements.
_COMPOUND = re.compile(r"(?:async|class|def|for|if|try|while|with)\b|@")


def before(statements: str, source: str) -> str | None:
    """Return a program that does ``statements``, simple ones on one line, and then ``source``; ``None`` where that cannot be."""
    source = sources.normalise(source)
    if len(statements) + len(source) > LIMIT:
        return None
    first, line_end, rest = source.partition("\n")
    if _EMPTY.match(first):
        return f"{statements}{line_end}{rest}"
    if first[0].isspace() or _COMPOUND.match(first):
        return None
    return f"{statements};{source}"


def before_value(expressions: list[str], expression: str) -> str | None:
    """Return an expression that evaluates ``expressions`` and then has the value of ``expression``; ``None`` where that cannot be."""
    ours = "".join(f"{one}," for one in expressions)
    if len(ours) + len(expression) > LIMIT:
        return None
    # The line end is for an expression with a comment behind it.
    return f"({ours}({expression.strip()}\n))[-1]"


def grouped(statements: list[str]) -> list[list[str]]:
    """Return simple statements in groups, as many in each as may go together."""
    groups: list[list[str]] = []
    size = LIMIT
    for statement in statements:
        size += len(statement) + 1
        if size <= LIMIT:
            groups[-1].append(statement)
        else:
            groups.append([statement])
            size = len(statement)
    return groups


def packed(statements: list[str]) -> list[str]:
    """Return simple statements as lines of a program, as many in each as may go together."""
    return [";".join(group) for group in grouped(statements)]
