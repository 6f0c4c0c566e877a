"""Pages for people: what each problem code means. Rendered from the problem classes, so it can't go out of date."""

from collections.abc import Iterator
from html import escape
from inspect import getdoc
from re import sub

from fastapi import APIRouter, Response

from service.errors import Problem
from service.web.docs import page
from service.web.problems import NotFound

router = APIRouter(include_in_schema=False)

_OURS = 500


def all_problems() -> dict[str, type[Problem]]:
    """List every problem the service knows, by code."""
    return {
        problem.code: problem for problem in sorted(_below(Problem), key=lambda problem: (problem.status, problem.code))
    }


def meaning_of(problem: type[Problem]) -> str:
    """Say in Markdown what happened and what to do."""
    return " ".join((getdoc(problem) or "").split())


def _below(problem: type[Problem]) -> Iterator[type[Problem]]:
    for child in problem.__subclasses__():
        yield child
        yield from _below(child)


@router.get("/problems")
async def problem_index() -> Response:
    """List the problems."""
    rows = "\n".join(
        f'<tr><td>{_status(problem)}</td><td><a href="problems/{code}"><code>{code}</code></a></td>'
        f"<td>{escape(problem.title)}</td></tr>"
        for code, problem in all_problems().items()
    )
    return page(
        "Problems",
        "<h1>Problems</h1>\n<p class='quiet'>Everything this service refuses (RFC 9457). Programs decide by "
        "<code>code</code>, which never changes its meaning.</p>\n"
        f"<table>\n<thead><tr><th>Status</th><th>Code</th><th>Title</th></tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>",
    )


@router.get("/problems/{code}")
async def problem_page(code: str) -> Response:
    """Explain one problem."""
    problem = all_problems().get(code)
    if problem is None:
        raise NotFound
    headers = "\n".join(f"{name}: {value}" for name, value in problem.headers.items())
    shown = f"<p class='quiet'>The answer carries, among others:</p>\n<pre>{escape(headers)}</pre>" if headers else ""
    body = f"""<h1>{escape(problem.title)}</h1>
<p>{_status(problem)} <code>{code}</code></p>
<p>{_html(meaning_of(problem))}</p>
{shown}
<p class="quiet">When you ask for help, name the <code>request_id</code> of the answer: the service's log has it.</p>"""
    return page(f"{code} - Signet", body, root="../")


def _status(problem: type[Problem]) -> str:
    return f'<span class="status{" ours" if problem.status >= _OURS else ""}">{problem.status}</span>'


def _html(markdown: str) -> str:
    """Render the one mark that docstrings use."""
    return sub(r"`([^`]+)`", r"<code>\1</code>", escape(markdown, quote=False))
