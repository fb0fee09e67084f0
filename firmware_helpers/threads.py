# A thread on the board that can be told to stop, and says when it has. Sent as a method (devsession/session/threads.py).
# Language: MicroPython 1.9 and later with _thread.
def begin(held, name, function, args):
    from _thread import start_new_thread

    # whether it is to stop, whether it runs, what it raised
    state = held[name] = {0: False, 1: True, 2: None}

    def stop():
        return state[0]

    def run():
        try:
            function(stop, *args)
        except Exception as error:
            state[2] = repr(error)
        state[1] = False

    start_new_thread(run, ())
