"""Many named sessions at once: one in the foreground, the others running on, their output kept, their states visible."""
