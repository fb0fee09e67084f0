#!/bin/sh
# What `make demo` shows: facts about a board, a program streaming its output, and a value that comes back.
set -e
show() {
    printf '\n$ devsession'
    for word in "$@"; do
        case $word in *[!A-Za-z0-9_./:=-]*) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac
    done
    printf '\n'
    devsession "$@"
}
cd "$(dirname "$0")/.."
show -b sim: info
show -b sim: run examples/on_board/sieve.py -- 50
show -b sim: eval '{"squares": [n * n for n in range(5)], "pi": 355 / 113}'
