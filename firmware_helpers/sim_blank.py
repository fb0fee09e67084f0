# A module with nothing in it, imported as often as modules are made.
