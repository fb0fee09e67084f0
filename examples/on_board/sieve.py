"""Prime numbers, found on the board: a program for `devsession run`."""

import sys
import time


def primes(limit):
    composite = set()
    for n in range(2, limit):
        if n not in composite:
            yield n
            composite.update(range(n * n, limit, n))


if __name__ == "__main__":
    limit = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    count = 0
    for prime in primes(limit):
        print("prime", prime)
        count += 1
        time.sleep(0.05)
    print(count, "primes below", limit, "on", sys.platform)
