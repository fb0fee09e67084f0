"""Python functions that run on boards, seen from the host: what is sent for them, and how their arguments are written."""
