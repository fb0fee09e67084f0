"""The files of a board, as a session reaches them: looking, changing, trees, and how what is in them gets there and back."""
