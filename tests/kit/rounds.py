"""How often a race is run: a few times at each commit, 200 times by `make prove`."""

import pytest

FEW, MANY = 10, 200

in_rounds = pytest.mark.parametrize(
    "rounds",
    [
        pytest.param(FEW, id="a-few-times"),
        pytest.param(MANY, id="many-times", marks=[pytest.mark.prove, pytest.mark.timeout(900)]),
    ],
)
