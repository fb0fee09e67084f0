"""`python -m devsession`."""

from __future__ import annotations

from devsession.cli.start import main

main()
