"""The pages that tell an operator what to type, and the commands on them."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.kit.programs import ROOT

RUNBOOKS = sorted((ROOT / "docs/runbooks").glob("*.md"))
WITH_COMMANDS = [*RUNBOOKS, ROOT / "docs/operations.md", ROOT / "docs/telemetry.md"]
_BLOCK = re.compile(r"^ *```(?:sh|bash)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`((?:kubectl|helm) --namespace signet [^`]+)`")


def commands(page: Path) -> Iterator[str]:
    """Every line of every shell block, also in lists; then what stands within a sentence."""
    text = page.read_text(encoding="utf-8")
    for block in _BLOCK.findall(text):
        yield from (line.strip() for line in block.replace("\\\n", " ").splitlines() if line.strip())
    yield from _INLINE.findall(text)
