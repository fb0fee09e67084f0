"""From a URL to the simulated board it asks for: the one place that knows every kind of them."""

from __future__ import annotations

from collections.abc import Callable

from devsession.errors import LinkLostError
from devsession.simulator.instance import Instance
from devsession.simulator.url import CIRCUITPYTHON, UNIX, SimUrl


def make_instance(wanted: SimUrl, gone: Callable[[LinkLostError], None]) -> Instance:
    """Return the board, not started yet, that ``wanted`` asks for; ``gone`` as for ``Instance``."""
    # Only the kind that is used is imported.
    if wanted.kind == UNIX:
        from devsession.simulator.unix_board import UnixBoard

        return UnixBoard(wanted, gone)
    if wanted.kind == CIRCUITPYTHON:
        from devsession.simulator.circuitpython import CircuitPythonBoard

        return CircuitPythonBoard(wanted, gone)
    from devsession.simulator.emulation.board import EmulatedBoard

    return EmulatedBoard(wanted, gone)
