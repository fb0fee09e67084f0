# A thread on the board that can be told to stop, and says when it has. Sent as a method (devsession/session/threads.py).
# Gives whether there was a method of that key. Language: MicroPython 1.9 and later with _thread.
def begin_thread(held, name, key, args):
    from _thread import start_new_thread

    if key not in held:
        return False
    function = held[key]
    # whether it is to stop, whether it runs, what it raised
    state = held[name] = {0: False, 1: True, 2: None}

    def stop():
        return state[0]

    def run():
        try:
            function(stop, *args)
        except Exception as error:
            state[2] = error
        finally:
            state[1] = False

    try:
        start_new_thread(run, ())
    except Exception:
        del held[name]
        raise
    return True
