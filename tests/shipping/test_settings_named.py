"""Settings that files beside the service name."""

import pytest

from tests.kit.programs import ROOT
from tests.shipping.reading import VALUES, VARIABLE, WORKFLOWS, setting_names

FILES = [ROOT / "compose.yaml", ROOT / "skaffold.yaml", ROOT / "Dockerfile", *WORKFLOWS, *VALUES]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_setting_that_a_file_names_is_one(path: object) -> None:
    named = set(VARIABLE.findall((ROOT / str(path)).read_text(encoding="utf-8")))
    # What tells the cluster's tests where to look.
    told = {name for name in named if name.startswith("SIGNET_TEST_")}

    assert named - told - setting_names() == set()
