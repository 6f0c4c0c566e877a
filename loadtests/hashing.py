"""What a password check costs on this machine: the yardstick of a sign-in."""

import os
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
    """Measure the processor time of one check with the parameters and the environment of the service.

    Every core checks passwords meanwhile: what a check costs depends on who else uses the memory, and a storm is when
    all of them do.
    """
    words = [settings.argon2_iterations, settings.argon2_memory_kib]
    command = [sys.executable, "-m", "loadtests.hashing", *map(str, words)]
    running = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(os.cpu_count() or 1)
    ]
    return median(float(process.communicate()[0]) for process in running)


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
