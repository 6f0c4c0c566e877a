"""docs/performance.md, written section by section by the commands that measure."""

import platform
import re
from datetime import UTC, datetime
from importlib.metadata import version

import psutil

from tests.kit.programs import ROOT

PAGE = ROOT / "docs/performance.md"
_NAMED = ("fastapi", "starlette", "uvicorn", "gunicorn", "sqlalchemy", "asyncpg", "redis", "fastapi-users")


def write(mark: str, title: str, table: str) -> None:
    """Put a table between its marks, or at the end of the page when it has none yet; date, versions, machine below."""
    begin, end = f"<!-- {mark}: written by its command -->", f"<!-- end of {mark} -->"
    section = f"{begin}\n\n{table}\n\n{circumstances()}\n\n{end}"
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else "# Performance\n"
    if begin in page:
        page = re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: section, page, flags=re.DOTALL)
    else:
        page = f"{page.rstrip()}\n\n## {title}\n\n{section}\n"
    PAGE.write_text(page, encoding="utf-8")


def circumstances() -> str:
    """Say when, with which versions and on what this was measured."""
    versions = ", ".join(f"{name} {version(name)}" for name in _NAMED)
    cores = psutil.cpu_count()
    machine = f"{platform.system()} {platform.machine()}, {cores} cores, Python {platform.python_version()}"
    return f"Measured on {datetime.now(UTC):%Y-%m-%d} ({machine}; {versions})."
