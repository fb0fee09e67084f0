# Becomes `micropython` on a simulated board: everything of the port's own, and kbd_intr set by sim_board.
from micropython import *
