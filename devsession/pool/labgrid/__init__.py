"""Boards of other computers, which labgrid has: reserved by tags, acquired, used over the network and given back."""
