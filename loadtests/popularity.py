"""Who is asked for how often: Zipf's law over the people of a dataset."""

from bisect import bisect_left
from itertools import accumulate
from random import Random


class Popularity:
    """Draws numbers of people; number 0 is the most popular one. With exponent 0 all are alike."""

    def __init__(self, people: int, exponent: float) -> None:
        self._cumulated: list[float] = list(accumulate((rank + 1) ** -exponent for rank in range(people)))

    def draw(self, random: Random) -> int:
        return bisect_left(self._cumulated, random.random() * self._cumulated[-1])
