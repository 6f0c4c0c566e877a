"""What a password check costs on this machine: the yardstick of a sign-in."""

import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import argon2

from loadtests import people
from service.settings import Settings

_ROUNDS = 25
ROOT = Path(__file__).resolve().parent.parent


def verify_seconds(settings: Settings) -> float:
    """Measure the processor time of one check, in a process with the environment and parameters of the service."""
    words = [settings.argon2_iterations, settings.argon2_memory_kib]
    command = [sys.executable, "-m", "loadtests.hashing", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    iterations, memory_kib = map(int, sys.argv[1:])
    hasher = argon2.PasswordHasher(iterations, memory_kib, 1)
    password_hash = hasher.hash(people.PASSWORD)
    times = []
    for _ in range(_ROUNDS):
        began = time.process_time()
        hasher.verify(password_hash, people.PASSWORD)
        times.append(time.process_time() - began)
    print(median(times))


if __name__ == "__main__":
    main()
