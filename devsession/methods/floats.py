"""Floats as quotients of integers: what a board computes from them is the very number, whatever its parser makes of decimals.

MicroPython's parser of decimals may be wrong in the last bits, and which ones differs from version to version. A division of two
integers that floats hold exactly is rounded right wherever the floating point is IEEE 754's, and a division by a power of two is exact.
Against the bits in a bytes literal (``__import__('struct').unpack('<d',b'...')``, about 55 bytes a number) this needs no module
and is shorter: 6 bytes for 0.25, 4 for 0.1, 8 for 3.1416, 24 to 26 for a random number between 0 and 1.
"""

from __future__ import annotations

import math

from devsession.errors import UsageError

# Bits of a float: those of its mantissa, and the exponent of its smallest step. 30 bits are 32 without the lowest two
# (MicroPython's object representation C).
_MANTISSA = {64: 53, 32: 24, 30: 22}
_SMALLEST = {64: -1074, 32: -149, 30: -147}
_LARGEST = {64: 1024, 32: 128, 30: 128}
# Powers of ten that a float holds exactly; the board divides with 32 bits where it keeps 30.
# Up to 10**9 they also fit an integer of 31 bits, the only ones on boards without long integers.
_TENS = {64: 22, 32: 9, 30: 9}
_DIVISION = {64: 53, 32: 24, 30: 24}
# Powers of two that fit the board's integers and floats. Boards with 64-bit floats all have long integers.
_STEP = {64: 1023, 32: 29, 30: 29}
# Up to here a power of two is shorter as a number than as a shift.
_SHORT_POWER = 19
# Longer integers are shorter in hexadecimal, and quicker to read.
_DECIMAL = 10**15
# A string of eleven characters: shorter ones would stay in the board's memory until the next reset.
_NAN = "float('        nan')"
_INFINITY = "1e999"


def encode(value: float, bits: int = 64) -> str:
    """Return ``value`` as MicroPython source text, an expression that gives the float of ``bits`` (64, 32, 30) nearest to it.

    Every NaN becomes the board's own quiet one. Raises UsageError when a finite value is too large for the board, or the board
    has no floats (``bits`` is 0).
    """
    if bits not in _MANTISSA:
        raise UsageError("this board has no floats" if not bits else f"there are no floats of {bits} bits")
    if math.isnan(value):
        return _NAN
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    size = abs(value)
    if math.isinf(size):
        return sign + _INFINITY
    if math.frexp(size)[1] <= _LARGEST[bits]:
        size = _rounded(size, _MANTISSA[bits], _SMALLEST[bits])
    # Looked at again: rounding may have made it a power of two larger.
    if math.frexp(size)[1] > _LARGEST[bits]:
        raise UsageError(f"{value!r} is too large for the board's {bits}-bit floats")
    return sign + (_whole(size, bits) or _decimal(size, bits) or _powers(size, bits))


def integer(value: int) -> str:
    """Return an integer as source text, in the shorter of the two bases."""
    return str(value) if abs(value) < _DECIMAL else hex(value)


def _rounded(size: float, mantissa: int, smallest: int) -> float:
    step = max(math.frexp(size)[1] - mantissa, smallest)
    if step <= _SMALLEST[64]:
        return size
    return math.ldexp(round(math.ldexp(size, -step)), step)


def _whole(size: float, bits: int) -> str | None:
    if size.is_integer() and size < 1 << _MANTISSA[bits]:
        return f"{int(size)}."
    return None


def _decimal(size: float, bits: int) -> str | None:
    """Return a quotient by a power of ten, when the division gives exactly ``size``."""
    head, _, exponent = _shortest(size, bits).partition("e")
    whole, _, places = head.partition(".")
    tens = len(places) - int(exponent or 0)
    digits = int(whole + places)
    if not 0 < tens <= _TENS[bits] or digits >= 1 << _DIVISION[bits]:
        return None
    quotient = _rounded(digits / 10**tens, _DIVISION[bits], -149 if bits < 64 else _SMALLEST[64])
    return f"{integer(digits)}/{integer(10**tens)}" if quotient == size else None


def _shortest(size: float, bits: int) -> str:
    if bits == 64:
        return repr(size)
    tries = (f"{size:.{digits}g}" for digits in range(1, 10))
    return next((text for text in tries if _rounded(float(text), 24, -149) == size), repr(size))


def _powers(size: float, bits: int) -> str:
    """Return an integer of the mantissa's bits, divided or multiplied by powers of two."""
    above, below = size.as_integer_ratio()
    if below > 1:
        return integer(above) + _chain("/", below.bit_length() - 1, _STEP[bits])
    zeros = (above & -above).bit_length() - 1
    return f"{integer(above >> zeros)}/1" + _chain("*", zeros, _STEP[bits])


def _chain(operator: str, power: int, step: int) -> str:
    powers = [step] * (power // step) + [power % step] * (power % step > 0)
    return "".join(operator + (str(1 << n) if n <= _SHORT_POWER else f"(1<<{n})") for n in powers)
