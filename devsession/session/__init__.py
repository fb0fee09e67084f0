"""Sessions: what several users of one board have to themselves, and what becomes of it at the end."""
