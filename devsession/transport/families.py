"""What a USB device probably is, by its vendor and product numbers: a hint for people, never proof of what runs there."""

from __future__ import annotations

# (vendor, product), the product None for all others of that vendor. The numbers stand in the boards' configurations (mpconfigboard.h,
# mpconfigboard.mk) and in the vendors' lists; firmware may be replaced, so what a board runs is only known by asking it.
_FAMILIES: dict[tuple[int, int | None], str] = {
    (0x2E8A, 0x0005): "Raspberry Pi RP2 with MicroPython",
    (0x2E8A, 0x0003): "Raspberry Pi RP2040 in its boot loader",
    (0x2E8A, 0x000F): "Raspberry Pi RP2350 in its boot loader",
    (0x2E8A, 0x000A): "Raspberry Pi RP2 with a C program",
    (0x2E8A, 0x0009): "Raspberry Pi RP2 with a C program",
    (0x2E8A, 0x000C): "Raspberry Pi Debug Probe (UART bridge)",
    (0x2E8A, None): "Raspberry Pi RP2 board",
    (0xF055, None): "MicroPython board (pyboard, STM32, and others)",
    (0x303A, 0x1001): "Espressif ESP32-C3/C6/S3 (USB-Serial-JTAG)",
    (0x303A, 0x4001): "Espressif ESP32-S2/S3 with MicroPython",
    (0x303A, 0x0002): "Espressif ESP32-S2 in its boot loader",
    (0x303A, None): "board with an Espressif ESP32",
    (0x239A, None): "Adafruit or other board with CircuitPython or MicroPython",
    (0x0D28, 0x0204): "BBC micro:bit or other DAPLink board",
    (0x0D28, None): "DAPLink board",
    (0x0483, 0x5740): "STM32 board (USB serial port)",
    (0x0483, 0x374B): "ST-LINK of a Nucleo or Discovery board (UART bridge)",
    (0x0483, 0x374E): "ST-LINK of a Nucleo or Discovery board (UART bridge)",
    (0x0483, None): "STMicroelectronics board",
    (0x2341, None): "Arduino board",
    (0x2886, None): "Seeed board",
    (0x1FC9, None): "NXP board",
    (0x1366, None): "SEGGER J-Link (UART bridge)",
    (0x16C0, 0x0483): "Teensy board (USB serial port)",
    (0x1209, 0x3171): "board with CircuitPython",
    (0x1209, None): "open-hardware board (pid.codes)",
    (0x045B, None): "Renesas board",
    (0x1B4F, None): "SparkFun board",
    (0x10C4, 0xEA60): "CP210x UART bridge",
    (0x10C4, None): "Silicon Labs UART bridge",
    (0x1A86, 0x7523): "CH340 UART bridge",
    (0x1A86, 0x55D4): "CH9102 UART bridge",
    (0x1A86, 0x55D3): "CH343 UART bridge",
    (0x1A86, None): "WCH UART bridge",
    (0x0403, None): "FTDI UART bridge",
    (0x067B, None): "Prolific PL2303 UART bridge",
}
# Vendors on whose boards CircuitPython runs: the second port of one may be its data port.
CIRCUITPYTHON_VENDORS = frozenset({0x239A, 0x2886, 0x1209, 0x303A, 0x2341, 0x1B4F})


def family_of(vid: int | None, pid: int | None) -> str | None:
    """Return what a device with these numbers probably is, ``None`` for one that is not in the table."""
    if vid is None:
        return None
    return _FAMILIES.get((vid, pid)) or _FAMILIES.get((vid, None))
