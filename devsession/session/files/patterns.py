"""Patterns for paths, as .gitignore has them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from devsession.errors import UsageError

_SPECIAL = re.compile(r"\*|\?|\[!?\]?[^\]]*\]")


def regex(pattern: str) -> str:
    """Return the regular expression of a pattern: ``*`` and ``?`` stop at slashes, ``**`` between them does not."""
    parts = pattern.split("/")
    found = ""
    for number, part in enumerate(parts):
        is_last = number == len(parts) - 1
        if part == "**":
            found += ".+" if is_last else "(?:[^/]+/)*"
        else:
            found += _part(part) + ("" if is_last else "/")
    return found


def has_wildcard(part: str) -> bool:
    """Whether a part of a pattern stands for more than itself."""
    return _SPECIAL.search(part) is not None


class Patterns:
    """Which paths are left out: a pattern without a slash is for names anywhere, one with is for paths from the root on.

    One that ends in a slash is for directories only; what is in a directory that is left out is left out too.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        if isinstance(patterns, str):
            raise UsageError(f"patterns are several: [{patterns!r}]", phase="files")
        self._checks = [_check(pattern) for pattern in patterns]

    def match(self, path: str, *, is_dir: bool) -> bool:
        """Whether ``path``, from the root on, or a directory that it is in, is left out."""
        parts = path.split("/")
        return any(
            check.fullmatch(f"{'/'.join(parts[:length])}/" if length < len(parts) or is_dir else path)
            for length in range(1, len(parts) + 1)
            for check in self._checks
        )


def _check(pattern: str) -> re.Pattern[str]:
    text = pattern.removesuffix("/")
    if not text.strip("/"):
        raise UsageError(f"{pattern!r} is no pattern for paths", phase="files")
    # Paths of directories come with a slash at their end.
    end = "/" if pattern.endswith("/") else "/?"
    if "/" not in text:
        text = f"**/{text}"
    try:
        return re.compile(regex(text.removeprefix("/")) + end, re.DOTALL)
    except re.error as error:
        raise UsageError(f"{pattern!r} is no pattern for paths: {error}", phase="files") from None


def _part(part: str) -> str:
    found, at = "", 0
    for special in _SPECIAL.finditer(part):
        found += re.escape(part[at : special.start()])
        text = special[0]
        if text == "*":
            found += "[^/]*"
        elif text == "?":
            found += "[^/]"
        else:
            inside = text[1:-1].replace("\\", "\\\\").replace("[", "\\[")
            found += f"[^/{inside[1:]}]" if inside.startswith("!") else f"[{inside}]"
        at = special.end()
    return found + re.escape(part[at:])
