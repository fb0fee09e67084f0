"""The command line: one file per group of commands, each imported only when it is called."""

from __future__ import annotations

from devsession.cli.app import main

__all__ = ["main"]
