"""`devsession shell`: many named sessions on a terminal, one in the foreground; needs prompt_toolkit, the extra `shell`."""
