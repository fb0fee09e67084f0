"""Simulated boards: the MicroPython unix port behind a terminal, with the console, files and resets of a real board, and real firmware.

``board`` is the link to one of one's own, ``serve`` publishes one as a serial port, ``registry`` finds those by name. The program that
makes a board of the port is in ``firmware_helpers/``: ``unix_repl.py``, ``sim_*.py`` and ``machine.py``. The boards that QEMU runs
are in ``emulation``.
"""
