"""The page that shows the OpenAPI description, and the files that our pages need. Nothing comes from elsewhere."""

import asyncio
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import orjson
from fastapi import APIRouter, FastAPI, Request, Response

from service.web.conditions import IfNoneMatch, is_none_match
from service.web.problems import NotFound

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).parent / "assets"
_SWAGGER_UI = "swagger-ui-5.35.0"
_FILES = {
    "swagger-ui.css": (f"{_SWAGGER_UI}/swagger-ui.css", "text/css"),
    "swagger-ui-bundle.js": (f"{_SWAGGER_UI}/swagger-ui-bundle.js", "text/javascript"),
    "docs.js": ("docs.js", "text/javascript"),
    "pages.css": ("pages.css", "text/css"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
}
_FOR_EVER = "public, max-age=31536000, immutable"
_POLICY = (
    "default-src 'none'; script-src {script}; style-src 'self'; img-src 'self' data:; connect-src {connect}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of ours. `mark` names its content and stands in its address, so it can be kept for ever."""

    content: bytes
    media_type: str
    mark: str


@cache
def asset(name: str) -> Asset:
    """Read a file once."""
    path, media_type = _FILES[name]
    content = (_FOLDER / path).read_bytes()
    return Asset(content, media_type, _mark(content))


def _mark(content: bytes) -> str:
    return sha256(content).hexdigest()[:12]


def address_of(name: str) -> str:
    """Name the address of a file from a page at the root: relative, so that it holds behind any prefix."""
    return f"docs/assets/{asset(name).mark}/{name}"


def page(title: str, body: str, *, root: str = "", scripts: tuple[str, ...] = (), connect: str = "'none'") -> Response:
    """Answer with a page for people. `root` leads from its address to the root of the service."""
    is_docs = bool(scripts)
    styles = ("swagger-ui.css", "pages.css") if is_docs else ("pages.css",)
    sheets = "".join(f'<link rel="stylesheet" href="{root}{address_of(name)}">\n' for name in styles)
    programs = "".join(f'<script defer src="{root}{address_of(name)}"></script>\n' for name in scripts)
    icon = root + address_of("icon.svg")
    html = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" type="image/svg+xml" href="{icon}">
{sheets}{programs}</head>
<body class="{"docs" if is_docs else "page"}">
<header><nav>
<a class="name" href="{root}docs"><img src="{icon}" alt="">Signet</a>
<a href="{root}docs">API</a>
<a href="{root}problems">Problems</a>
</nav></header>
<main>
{body}
</main>
</body>
</html>
"""
    policy = _POLICY.format(script="'self'" if is_docs else "'none'", connect=connect)
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-cache"}
    return Response(html, 200, headers, "text/html; charset=utf-8")


@router.get("/docs")
async def show_docs(request: Request) -> Response:
    """Show the description; operations may be tried out here and at the public address."""
    public = urlsplit(request.app.state.settings.public_url)
    return page(
        "Signet API",
        '<div id="docs"><noscript><p>This page needs JavaScript; the description itself is at '
        '<a href="openapi.json">openapi.json</a>.</p></noscript></div>',
        scripts=("swagger-ui-bundle.js", "docs.js"),
        connect=f"'self' {public.scheme}://{public.netloc}",
    )


@router.get("/openapi.json")
async def read_description(request: Request, if_none_match: IfNoneMatch = None) -> Response:
    """Give the description. Making it takes longer than any request, so it is done once, beside the event loop."""
    api: FastAPI = request.app
    kept: Asset | None = getattr(api.state, "description", None)
    if kept is None:
        content = orjson.dumps(await asyncio.to_thread(api.openapi))
        kept = api.state.description = Asset(content, "application/json", _mark(content))
    headers = {"ETag": f'"{kept.mark}"', "Cache-Control": "no-cache"}
    if is_none_match(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(kept.content, 200, headers, kept.media_type)


@router.get("/docs/assets/{mark}/{name}")
async def read_asset(mark: str, name: str) -> Response:
    """Give a file. A page of another release may ask for another mark: it gets ours, which it must not keep."""
    if name not in _FILES:
        raise NotFound
    found = asset(name)
    keeping = _FOR_EVER if mark == found.mark else "no-cache"
    return Response(found.content, 200, {"Cache-Control": keeping}, found.media_type)
