def _start(identity, before, terminal): pass
