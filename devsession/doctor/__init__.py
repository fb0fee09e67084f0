"""Examining a board, its port and its computer: findings, each with its cure."""
