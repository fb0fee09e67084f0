# The words of a simulated CircuitPython board: its names, its version, what it says in each language.
VERSION = (9, 2, 1, "")
RELEASE = "9.2.1"
DATE = "2024-11-20"
BOARD = "Simulated Board"
BOARD_ID = "simulated_board"
CHIP = "unix port"
FULL_VERSION = "Adafruit CircuitPython %s on %s; %s with %s" % (RELEASE, DATE, BOARD, CHIP)

# The raw REPL's banner is never translated; these are, and a host must not rely on them.
SOFT_REBOOT = "soft reboot"
RELOAD_ON = "Auto-reload is on. Simply save files over USB to run them or enter REPL to disable."
RELOAD_OFF = "Auto-reload is off."
OUTPUT = " output:"
CODE_DONE = "Code done running."
CODE_STOPPED = "Code stopped by auto-reload. Reloading soon."
PRESS_ANY_KEY = "Press any key to enter the REPL. Use CTRL-D to reload."
TRANSLATED = {
    "en": {},
    "de": {
        SOFT_REBOOT: "weicher reboot",
        PRESS_ANY_KEY: "Drücke eine beliebige Taste um REPL zu betreten. Drücke STRG-D zum neuladen.",
    },
    "es": {
        SOFT_REBOOT: "reinicio suave",
        PRESS_ANY_KEY: "Presiona cualquier tecla para entrar al REPL. Usa CTRL-D para recargar.",
    },
    "fr": {
        SOFT_REBOOT: "redémarrage logiciel",
        PRESS_ANY_KEY: "Appuyez sur n'importe quelle touche pour utiliser le REPL. Utilisez CTRL-D pour relancer.",
    },
}
# What CircuitPython says where MicroPython has a name for an error.
ERRORS = {
    "[Errno 1] EPERM": "[Errno 1] Operation not permitted",
    "[Errno 2] ENOENT": "[Errno 2] No such file/directory",
    "[Errno 5] EIO": "[Errno 5] Input/output error",
    "[Errno 13] EACCES": "[Errno 13] Permission denied",
    "[Errno 17] EEXIST": "[Errno 17] File exists",
    "[Errno 19] ENODEV": "[Errno 19] No such device",
    "[Errno 22] EINVAL": "[Errno 22] Invalid argument",
    "OSError: 30\r\n": "OSError: [Errno 30] Read-only filesystem\r\n",
}
