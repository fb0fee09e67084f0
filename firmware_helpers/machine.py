# `machine` of a simulated board: pins, timers and buses that only remember. Language: MicroPython 1.20 and later, unix port.
# A test looks at the board with board_state(), and plays the world outside it with board_input() and board_device().
# Loaded by sim_board.py with `_port` (the port's own machine), `_terminal`, `_identity` and `_before` among its globals.
import _thread
import time as _time
from micropython import schedule as _schedule

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5

# How the process ends, read by devsession/simulator/supervisor.py.
_EXIT_HARD = 66
_EXIT_WATCHDOG = 67
_EXIT_DEEPSLEEP = 68
_CAUSES = {"power": PWRON_RESET, "watchdog": WDT_RESET, "deepsleep": DEEPSLEEP_RESET, "soft": SOFT_RESET, "raw": SOFT_RESET}

# The longest that a thread sleeps before it looks whether it is still wanted, in microseconds.
_SLICE = 20000
_ENODEV = 19

idle = _port.idle
mem8 = _port.mem8
mem16 = _port.mem16
mem32 = _port.mem32
soft_reset = _port.soft_reset
Signal = _port.Signal
PinBase = _port.PinBase
time_pulse_us = _port.time_pulse_us

# What the board looks like: pin -> its state, and likewise.
_pins = {}
_timers = []
_outputs = {}
_analog = {}
_buses = {}
_clock = [125000000, 0]


def board_state():
    # Plain dictionaries: pins by id, running timers, PWM by pin, levels of ADC inputs by id, addresses on each I2C bus.
    return {
        "pins": {name: {"mode": s[0], "pull": s[1], "value": _level(name)} for name, s in _pins.items()},
        "timers": [{"id": t.id, "mode": t.mode, "period": t.period // 1000} for t in _timers],
        "pwm": {name: dict(zip(("freq", "duty_u16"), p)) for name, p in _outputs.items()},
        "adc": dict(_analog),
        "i2c": {bus: sorted(devices) for bus, devices in _buses.items()},
    }


def board_input(name, value):
    # Drives an input from outside: a pin to 0, 1 or None (not connected), an ADC channel (given as "adc0" or as its ADC) to 0..65535.
    if isinstance(name, ADC):
        _analog[name.id] = value
    elif isinstance(name, str) and name.startswith("adc"):
        _analog[int(name[3:])] = value
    else:
        _change(name.id if isinstance(name, Pin) else name, 3, value)


def board_device(bus, address, memory=256):
    # Puts a device with that many bytes of registers on an I2C bus; returns them, a bytearray.
    registers = memory if isinstance(memory, bytearray) else bytearray(memory)
    _buses.setdefault(bus, {})[address] = registers
    return registers


def _level(name):
    # The state of a pin: mode, pull, level of the output, level from outside, handler, trigger.
    mode, pull, out, outside, _, _ = _pins[name]
    if mode == Pin.OUT or mode == Pin.OPEN_DRAIN and not out:
        return out
    if outside is not None:
        return outside
    return 1 if pull == Pin.PULL_UP else 0


def _change(name, field, value):
    state = _pins.setdefault(name, [0, None, 0, None, None, 0])
    was = _level(name)
    state[field] = value
    after = _level(name)
    edge = Pin.IRQ_RISING if after > was else Pin.IRQ_FALLING
    if after != was and state[4] and state[5] & edge:
        _schedule(state[4], Pin(name))


class Pin(PinBase):
    IN = 0
    OUT = 1
    OPEN_DRAIN = 2
    PULL_UP = 1
    PULL_DOWN = 2
    IRQ_FALLING = 1
    IRQ_RISING = 2

    def __init__(self, id, mode=-1, pull=-1, *, value=None, **ignored):
        self.id = id.id if isinstance(id, Pin) else id
        _pins.setdefault(self.id, [0, None, 0, None, None, 0])
        self.init(mode, pull, value=value)

    def init(self, mode=-1, pull=-1, *, value=None, **ignored):
        # The level first: an output that is switched on shows it from the start.
        if value is not None:
            _change(self.id, 2, 1 if value else 0)
        if mode != -1:
            _change(self.id, 0, mode)
        if pull != -1:
            _change(self.id, 1, pull)

    def value(self, level_wanted=None):
        if level_wanted is None:
            return _level(self.id)
        _change(self.id, 2, 1 if level_wanted else 0)

    def __call__(self, level_wanted=None):
        return self.value(level_wanted)

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    def toggle(self):
        self.value(not _pins[self.id][2])

    high = on
    low = off

    def mode(self, mode=-1):
        self.init(mode)
        return _pins[self.id][0]

    def pull(self, pull=-1):
        self.init(-1, pull)
        return _pins[self.id][1]

    def irq(self, handler=None, trigger=3, **ignored):
        _pins[self.id][4:] = [handler, trigger]
        return self

    def __repr__(self):
        return "Pin(%r, mode=%s)" % (self.id, ("IN", "OUT", "OPEN_DRAIN")[_pins[self.id][0]])


class Timer:
    ONE_SHOT = 0
    PERIODIC = 1

    def __init__(self, id=-1, **options):
        self.id = id
        self.mode = self.PERIODIC
        self.period = 1000000
        self.callback = None
        # Counts the starts: a thread of an earlier one sees that it is no longer wanted.
        self.run = 0
        if options:
            self.init(**options)

    def init(self, *, mode=PERIODIC, freq=-1, period=-1, tick_hz=1000, callback=None, hard=False):
        self.deinit()
        self.mode = mode
        self.period = int(1000000 / freq) if freq > 0 else period * 1000000 // tick_hz
        if self.period <= 0:
            raise ValueError("freq or period")
        self.callback = callback
        _timers.append(self)
        _thread.start_new_thread(_tick, (self, self.run))

    def deinit(self):
        self.run += 1
        if self in _timers:
            _timers.remove(self)


def _tick(timer, run):
    # A thread: the port has no interpreter lock, so it only counts time, and the callback runs in the main thread like a soft interrupt.
    due = _time.ticks_us()
    while True:
        due = _time.ticks_add(due, timer.period)
        wait = _time.ticks_diff(due, _time.ticks_us())
        while wait > 0:
            _time.sleep_us(min(wait, _SLICE))
            if timer.run != run:
                return
            wait = _time.ticks_diff(due, _time.ticks_us())
        if timer.run != run:
            return
        if timer.callback:
            try:
                _schedule(timer.callback, timer)
            except RuntimeError:
                # The queue is full: a board drops the tick too.
                pass
            _terminal.wake()
        if timer.mode == 0:
            _schedule(_expire, timer)
            return


def _expire(timer):
    if timer in _timers:
        _timers.remove(timer)


class PWM:
    def __init__(self, pin, *, freq=None, duty_u16=None, duty_ns=None, **ignored):
        self.id = pin.id if isinstance(pin, Pin) else pin
        _outputs.setdefault(self.id, [1000, 0])
        self.init(freq=freq, duty_u16=duty_u16, duty_ns=duty_ns)

    def init(self, *, freq=None, duty_u16=None, duty_ns=None):
        if freq is not None:
            self.freq(freq)
        if duty_u16 is not None:
            self.duty_u16(duty_u16)
        if duty_ns is not None:
            self.duty_ns(duty_ns)

    def freq(self, value=None):
        if value is None:
            return _outputs[self.id][0]
        _outputs[self.id][0] = value

    def duty_u16(self, value=None):
        if value is None:
            return _outputs[self.id][1]
        _outputs[self.id][1] = max(0, min(65535, value))

    def duty_ns(self, value=None):
        period = 1000000000 // self.freq()
        if value is None:
            return self.duty_u16() * period // 65535
        self.duty_u16(value * 65535 // period)

    def deinit(self):
        _outputs.pop(self.id, None)


class ADC:
    CORE_TEMP = 4

    def __init__(self, channel, **ignored):
        self.id = channel.id if isinstance(channel, Pin) else channel
        _analog.setdefault(self.id, 0)

    def read_u16(self):
        return _analog[self.id]

    def read_uv(self):
        return _analog[self.id] * 3300000 // 65535


class I2C:
    def __init__(self, id=0, *, scl=None, sda=None, freq=400000, timeout=50000):
        self.id = id
        _buses.setdefault(id, {})

    def device(self, address):
        try:
            return _buses[self.id][address]
        except KeyError:
            raise OSError(_ENODEV)

    def scan(self):
        return sorted(_buses[self.id])

    def readfrom(self, address, count, stop=True):
        return bytes(self.device(address)[:count])

    def readfrom_into(self, address, buffer, stop=True):
        buffer[:] = self.readfrom(address, len(buffer))

    def writeto(self, address, data, stop=True):
        self.device(address)[: len(data)] = data
        return len(data)

    def readfrom_mem(self, address, register, count, *, addrsize=8):
        return bytes(self.device(address)[register : register + count])

    def readfrom_mem_into(self, address, register, buffer, *, addrsize=8):
        buffer[:] = self.readfrom_mem(address, register, len(buffer))

    def writeto_mem(self, address, register, data, *, addrsize=8):
        self.device(address)[register : register + len(data)] = data

    def deinit(self):
        pass


class SPI:
    # What is sent comes back: the output is connected to the input.
    MSB = 0
    LSB = 1

    def __init__(self, id=0, baudrate=1000000, **options):
        self.id = id
        self.baudrate = baudrate

    def init(self, baudrate=1000000, **options):
        self.baudrate = baudrate

    def write(self, data):
        pass

    def read(self, count, write=0):
        return bytes((write,)) * count

    def readinto(self, buffer, write=0):
        buffer[:] = self.read(len(buffer), write)

    def write_readinto(self, data, buffer):
        buffer[:] = data

    def deinit(self):
        pass


SoftI2C = I2C
SoftSPI = SPI


class RTC:
    def datetime(self, new=None):
        if new is None:
            t = _time.localtime(_time.time() + _clock[1])
            return (t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0)
        _clock[1] = _time.mktime((new[0], new[1], new[2], new[4], new[5], new[6], 0, 0)) - _time.time()


class WDT:
    def __init__(self, id=0, timeout=5000):
        self.timeout = timeout
        self.feed()
        _thread.start_new_thread(_watch, (self,))

    def feed(self):
        self.fed = _time.ticks_ms()


def _watch(watchdog):
    while _time.ticks_diff(_time.ticks_ms(), watchdog.fed) < watchdog.timeout:
        _time.sleep_us(_SLICE)
    _terminal.leave(_EXIT_WATCHDOG)


def unique_id():
    return bytes([int(_identity[i : i + 2], 16) for i in range(0, len(_identity), 2)])


def freq(hertz=None):
    if hertz is None:
        return _clock[0]
    _clock[0] = hertz


def reset():
    _terminal.leave(_EXIT_HARD)


def reset_cause():
    return _CAUSES.get(_before, HARD_RESET)


def lightsleep(ms=0):
    _time.sleep_ms(ms)


def deepsleep(ms=0):
    _time.sleep_ms(ms)
    _terminal.leave(_EXIT_DEEPSLEEP)
