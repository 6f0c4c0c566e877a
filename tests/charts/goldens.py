"""What each example of the chart makes of the defaults, one line for each field: `make chart` writes it to goldens/.

The defaults themselves are k8s/base/signet.yaml. A line with `+` is there with the example's values, one with `-` only
with the defaults; of an object that comes or goes as a whole, its name is all that is told, and its fields if it comes.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.kit.rendering import EXAMPLES, Manifest, example, manifests

CHANGING = [file for file in EXAMPLES if file.stem != "default-values"]
FOLDER = Path(__file__).with_name("goldens")
# What follows from everything else, and tells nothing by itself.
HASHES = re.compile(r"\b([0-9a-f]{64}|(?<=migrate-)[0-9a-f]{8})\b")


def fields(value: Any, path: str) -> Iterator[str]:
    """One line for each leaf or list of leaves; what has a name is named rather than numbered."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from fields(inner, f"{path}.{name}")
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        for number, inner in enumerate(value):
            unnamed = {name: rest for name, rest in inner.items() if name != "name"}
            yield from fields(unnamed, f"{path}[{inner.get('name', number)}]")
    elif isinstance(value, str) and "\n" in value.strip():
        yield f"{path}: (a text of its own)"
    else:
        yield f"{path}: {value}"


def outline(values: Manifest) -> dict[str, list[str]]:
    """Every object with its fields."""
    found = {}
    for item in manifests(values):
        rest = {name: value for name, value in item.items() if name not in {"apiVersion", "kind"}}
        rest["metadata"] = {name: value for name, value in item["metadata"].items() if name != "name"}
        name = HASHES.sub("HASH", f"{item['kind']} {item['metadata']['name']}")
        found[name] = sorted(HASHES.sub("HASH", line.lstrip(".")) for line in fields(rest, ""))
    return found


def golden(file: Path) -> str:
    default, own = outline(example("default")), outline(yaml.safe_load(file.read_text(encoding="utf-8")))
    lines = []
    for name in sorted({*default, *own}):
        if name not in own:
            lines.append(f"- {name}")
            continue
        before, after = default.get(name, []), own[name]
        changed = [f"    - {line}" for line in before if line not in after]
        changed += [f"    + {line}" for line in after if line not in before]
        if changed:
            lines += [f"{'+' if name not in default else ' '} {name}", *changed]
    return "\n".join(lines) + "\n"


def path_of(file: Path) -> Path:
    return FOLDER / f"{file.stem.removesuffix('-values')}.txt"


def main() -> None:
    """Write them anew."""
    FOLDER.mkdir(exist_ok=True)
    for file in CHANGING:
        path_of(file).write_text(golden(file), encoding="utf-8")


if __name__ == "__main__":
    main()
