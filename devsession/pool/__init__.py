"""Boards that several users share: who has which, one process or many of one computer."""
