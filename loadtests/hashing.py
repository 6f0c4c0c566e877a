"""What a password check costs on this machine: the yardstick of a sign-in."""

import time
from statistics import median

import argon2

from loadtests import people
from service.settings import Settings

_ROUNDS = 15


def verify_seconds(settings: Settings) -> float:
    """Measure the processor time of one check with the deployment's own parameters."""
    hasher = argon2.PasswordHasher(settings.argon2_iterations, settings.argon2_memory_kib, 1)
    password_hash = hasher.hash(people.PASSWORD)
    times = []
    for _ in range(_ROUNDS):
        began = time.process_time()
        hasher.verify(password_hash, people.PASSWORD)
        times.append(time.process_time() - began)
    return median(times)
