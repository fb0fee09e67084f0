"""Bytes in and out of a board: links, and wrappers that count or keep what passes."""
