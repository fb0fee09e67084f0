"""`devsession info`: which interpreter answers."""

from __future__ import annotations

import sys

import click

from devsession.cli.options import on_board, tell_progress, the_board
from devsession.cli.outcome import conclude
from devsession.cli.terminal import printable
from devsession.links import connect

# One turn; `_machine` and `_build` are not on every version (sys.implementation by version).
_FACTS = (
    "(lambda i,s:(i[0],tuple(i[1]),s.platform,getattr(i,'_machine',None),getattr(i,'_build',None),s.version))"
    "(__import__('sys').implementation,__import__('sys'))"
)


@click.command("info")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@on_board
def info_command(board: str | None, *, as_json: bool) -> None:
    """Tell which interpreter a board runs, and its version.

    \b
    devsession -b sim: info --json
    """
    conclude(_info(board, as_json=as_json))


async def _info(board: str | None, *, as_json: bool) -> int:
    async with connect(the_board(board), tell_progress) as target:
        name, version, platform, machine, build, text = await target.eval(_FACTS)
        facts = {
            "board": target.url,
            "identity": target.identity,
            "implementation": name,
            "version": ".".join(str(part) for part in version if part != ""),
            "platform": platform,
            "machine": machine,
            "build": build,
            "sys.version": text,
        }
    if as_json:
        import json

        sys.stdout.write(json.dumps(facts) + "\n")
    else:
        width = max(map(len, facts))
        for key, value in facts.items():
            if value is not None:
                sys.stdout.write(f"{key:<{width}}  {printable(str(value))}\n")
    return 0
