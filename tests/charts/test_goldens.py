"""What the examples make of the chart is what was last looked at; `make chart` writes it anew."""

from pathlib import Path

import pytest

from tests.charts.goldens import CHANGING, FOLDER, golden, path_of


@pytest.mark.parametrize("file", CHANGING, ids=lambda file: file.stem.removesuffix("-values"))
def test_an_example_renders_as_before(file: Path) -> None:
    assert golden(file) == path_of(file).read_text(encoding="utf-8")


def test_every_golden_is_of_an_example() -> None:
    assert {path_of(file) for file in CHANGING} == {*FOLDER.iterdir()}
