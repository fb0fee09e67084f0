"""Whether what was typed is a whole program yet, and how far the next line is indented."""

from __future__ import annotations

import ast
import codeop
import warnings

INDENT = "    "


def is_command(text: str) -> bool:
    """Whether a line is for the shell; no line of Python begins so, and two slashes are one for the program that asks."""
    return text.startswith("/") and not text.startswith("//")


def is_whole(text: str) -> bool:
    """Whether a program can be run as it is, as Python's own prompt has it: a block ends with an empty line.

    What no line could mend is whole: the board says what is wrong with it, which may know more than the Python here.
    """
    if is_command(text) or not text.strip():
        return True
    if _is_open(text):
        return False
    return ("\n" in text and not text.rsplit("\n", 1)[1].strip()) or not _ends_in_block(text)


def indentation(text: str) -> str:
    """Return the indentation for a line behind ``text``."""
    last = text.rsplit("\n", 1)[-1]
    begins = last[: len(last) - len(last.lstrip())]
    return begins + INDENT if last.rstrip().endswith(":") else begins


def _is_open(text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return codeop.compile_command(text, "<shell>", "exec") is None
        except (SyntaxError, ValueError, OverflowError):
            return False


def _ends_in_block(text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return isinstance(getattr(ast.parse(text).body[-1], "body", None), list)
        except (SyntaxError, ValueError, IndexError):
            return False
