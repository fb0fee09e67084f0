"""Cassettes: what passed over a link, written down once and played again without the board."""
