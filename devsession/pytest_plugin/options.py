"""The plugin's markers and options.

An option can be given on the command line, in the environment, and in pytest's configuration file: the first of these counts.
"""

from __future__ import annotations

import math
import os
from typing import Any, Literal, NamedTuple

import pytest

GROUP = "devsession: boards for tests"
SCOPES = ("function", "class", "module", "package", "session")


class Option(NamedTuple):
    """An option ``--devsession-NAME``; its twins are ``DEVSESSION_NAME`` and ``devsession_name``."""

    name: str
    help: str
    default: str = ""
    choices: tuple[str, ...] = ()
    metavar: str = ""
    several: bool = False
    flag: bool = False

    @property
    def flagged(self) -> str:
        """Its name on the command line."""
        return f"--{self.name}"

    @property
    def ini(self) -> str:
        """Its name in a configuration file, and where pytest keeps it."""
        return self.name.replace("-", "_")

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return self.ini.upper()


MARKERS = (
    (
        "devsession(requires=(), firmware='', count=1, roles={}): what the test's boards have: features, peripherals, modules or "
        "tags; firmware such as '>=1.24' or 'micropython>=1.24'; how many boards, or one for each role"
    ),
    "devsession_real: run on real boards only",
    "devsession_sim: run on simulated boards only",
    "devsession_reset(kind='raw-soft'): reset the boards before the test: raw-soft, soft, machine or line",
)
MODE = Option(
    "devsession",
    "which boards tests run on: real ones, simulated ones, or auto: real ones where there are any (default); off skips them",
    "auto",
    ("auto", "real", "sim", "off"),
)
BOARD = Option(
    "devsession-board",
    "a board for the tests, may be given several times; labgrid:TAG=VALUE for those of a farm, local: for those attached; "
    "without any: those attached, or else sim:",
    metavar="URL",
    several=True,
)
INVENTORY = Option("devsession-inventory", "a TOML file of boards and what they have", metavar="FILE")
SCOPE = Option("devsession-scope", "for how long a board is kept (default: module)", "module", SCOPES)
TIMEOUT = Option(
    "devsession-acquire-timeout", "how long to wait for a free board (default: 120)", "120", metavar="SECONDS"
)
RECOVERY = Option(
    "devsession-recovery",
    "how far bringing back a board may go (default: hard)",
    "hard",
    ("prompt", "soft", "hard"),
)
STRICT = Option(
    "devsession-strict",
    "a test that no board can ever run is an error, not skipped",
    "",
    flag=True,
)
LOCKS = Option(
    "devsession-lock-dir",
    "where the locks of boards are (default: the user's runtime directory)",
    metavar="DIR",
)
OPTIONS = (MODE, BOARD, INVENTORY, SCOPE, TIMEOUT, RECOVERY, STRICT, LOCKS)

_YES = {"1", "true", "yes", "on"}
_NO = {"", "0", "false", "no", "off"}


def add_options(parser: pytest.Parser) -> None:
    """Tell pytest of all options."""
    group = parser.getgroup("devsession", GROUP)
    for option in OPTIONS:
        how: dict[str, Any] = {"metavar": option.metavar or None}
        if option.flag:
            how = {"action": "store_const", "const": "yes"}
        elif option.several:
            how["action"] = "append"
        elif option.choices:
            how = {"choices": option.choices}
        group.addoption(option.flagged, dest=option.ini, default=None, help=option.help, **how)
        kind: Literal["linelist", "string"] = "linelist" if option.several else "string"
        parser.addini(option.ini, option.help, type=kind, default=None)


def check_options(config: pytest.Config) -> None:
    """Raise pytest.UsageError for options that cannot be, before anything runs: in workers nobody would see it."""
    for option in OPTIONS:
        if not (option.several or option.flag):
            given(config, option)
    is_given(config, STRICT)
    seconds(config)
    if given(config, INVENTORY):
        from devsession.errors import DevsessionError
        from devsession.pytest_plugin.config import listed

        try:
            listed(config)
        except DevsessionError as error:
            raise pytest.UsageError(str(error)) from error


def seconds(config: pytest.Config) -> float:
    """Return how long to wait for a board, in seconds; raises pytest.UsageError for what is no time."""
    text = given(config, TIMEOUT)
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 <= found < math.inf:
        raise pytest.UsageError(f"{TIMEOUT.flagged}: {text!r} is no time in seconds")
    return found


def given(config: pytest.Config, option: Option) -> str:
    """Return the value of an option of one value; raises pytest.UsageError for none of its choices."""
    found = config.getoption(option.ini)
    value = str(found or os.environ.get(option.variable) or config.getini(option.ini) or option.default)
    if option.choices and value not in option.choices:
        raise pytest.UsageError(f"{option.flagged}: {value!r} is none of {', '.join(option.choices)}")
    return value


def given_several(config: pytest.Config, option: Option) -> list[str]:
    """Return all values of an option that may be given several times; the environment has them with blanks between."""
    found = config.getoption(option.ini) or os.environ.get(option.variable, "").split()
    return list(found or config.getini(option.ini) or ())


def is_given(config: pytest.Config, option: Option) -> bool:
    """Return whether a flag is set; raises pytest.UsageError for what is neither yes nor no."""
    value = given(config, option).lower()
    if value not in _YES | _NO:
        raise pytest.UsageError(f"{option.flagged}: {value!r} is neither yes nor no")
    return value in _YES


def scope(fixture_name: str, config: pytest.Config) -> Any:  # noqa: ARG001 - pytest calls with both by name
    """Return the scope in which a board is kept."""
    return given(config, SCOPE)


def header(config: pytest.Config) -> str | None:
    """Return the line of pytest's header that tells which boards are meant, ``None`` where the options say nothing of boards.

    Nobody looks for any before a test asks for one.
    """
    urls, inventory, mode = given_several(config, BOARD), given(config, INVENTORY), given(config, MODE)
    if not urls and not inventory and mode == MODE.default:
        return None
    boards = ", ".join([*urls, *([f"those in {inventory}"] if inventory else [])])
    return f"devsession: {mode}, boards: {boards or 'as attached'}, kept per {given(config, SCOPE)}"
