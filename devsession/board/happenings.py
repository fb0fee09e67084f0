"""What befalls a board while it is worked with, for those who keep something about it."""

from __future__ import annotations

import enum


class Happening(enum.Enum):
    """What happened to a board."""

    EXEC_BEGAN = "exec began"
    EXEC_ENDED = "exec ended"
    RECOVERY_BEGAN = "recovery began"  # a program is being stopped
    RECOVERY_ENDED = "recovery ended"
    EPOCH_ENDED = "epoch ended"  # the interpreter started anew: what was on it is gone
    LINK_LOST = "link lost"
