"""Pages for people: what each problem code means. Rendered from the problem classes, so it can't go out of date."""

from collections.abc import Iterator
from html import escape
from inspect import getdoc

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from service.errors import Problem
from service.web.problems import NotFound

router = APIRouter(include_in_schema=False)


def all_problems() -> dict[str, type[Problem]]:
    """List every problem the service knows, by code."""
    return {
        problem.code: problem for problem in sorted(_below(Problem), key=lambda problem: (problem.status, problem.code))
    }


def _below(problem: type[Problem]) -> Iterator[type[Problem]]:
    for child in problem.__subclasses__():
        yield child
        yield from _below(child)


@router.get("/problems")
async def problem_index() -> HTMLResponse:
    """List the problems."""
    rows = "".join(
        f'<tr><td>{problem.status}</td><td><a href="/problems/{code}">{code}</a></td><td>{escape(problem.title)}</td></tr>'
        for code, problem in all_problems().items()
    )
    return HTMLResponse(_page("Problems", f"<table>{rows}</table>"))


@router.get("/problems/{code}")
async def problem_page(code: str) -> HTMLResponse:
    """Explain one problem."""
    problem = all_problems().get(code)
    if problem is None:
        raise NotFound
    text = escape(" ".join((getdoc(problem) or "").split()))
    body = f"<p><b>{escape(problem.title)}</b> Status {problem.status}.</p><p>{text}</p><p><a href='/problems'>All problems</a></p>"
    return HTMLResponse(_page(code, body))


def _page(title: str, body: str) -> str:
    return f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><h1>{escape(title)}</h1>{body}</html>'
