"""Sizes: the tail is policed (house style 6). Offenders are printed."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.kit.programs import ROOT

LONGEST_FUNCTION, LONGEST_MODULE, MOST_PARAMETERS = 50, 300, 6
USUAL_FUNCTION, USUAL_SHARE = 30, 0.95

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules() -> list[Path]:
    policed = [*(ROOT / "service").rglob("*.py"), *(ROOT / "loadtests").rglob("*.py")]
    return sorted(path for path in policed if "versions" not in path.parts)


def functions() -> Iterator[tuple[str, Function]]:
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, Function):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node


def length(node: Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_module_is_longer_than_it_may_be() -> None:
    sizes = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}

    assert {name: size for name, size in sizes.items() if size > LONGEST_MODULE} == {}


def test_no_function_is_longer_than_it_may_be() -> None:
    assert {name: length(node) for name, node in functions() if length(node) > LONGEST_FUNCTION} == {}


def test_nearly_all_functions_are_short() -> None:
    sizes = {name: length(node) for name, node in functions()}
    long = {name: size for name, size in sizes.items() if size > USUAL_FUNCTION}

    assert len(long) <= (1 - USUAL_SHARE) * len(sizes), long


def test_no_function_takes_more_parameters_than_one_can_hold() -> None:
    def count(node: Function) -> int:
        named = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        return len([name for name in named if name not in {"self", "cls"}])

    over = {name: count(node) for name, node in functions() if count(node) > MOST_PARAMETERS}

    # Their callers decide these: SQLAlchemy's events.
    assert {name: size for name, size in over.items() if "storage/observing.py" not in name} == {}


def test_nothing_lives_at_module_level_that_holds_a_resource() -> None:
    """No app, engine, client, settings or clock is made by importing a module."""
    forbidden = {"FastAPI", "create_async_engine", "Redis", "Settings", "Clock", "CollectorRegistry", "create_app"}
    made = [
        f"{path.relative_to(ROOT)}:{node.lineno} {call.func.id}"
        for path in modules()
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in forbidden
    ]

    assert made == []


def test_every_room_has_the_furniture_it_needs_and_a_module_says_what_it_knows() -> None:
    untold = [
        str(path.relative_to(ROOT)) for path in modules() if not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]

    assert untold == []
