"""Boards of real firmware: the image that a board would be flashed with, run by QEMU's emulation of the board.

``machines`` is the table of them, ``qemu`` finds the emulator, ``images`` the firmware, ``board`` keeps one running.
"""
