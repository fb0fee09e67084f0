"""Code that runs on boards, in MicroPython: read by the host, never imported there."""
