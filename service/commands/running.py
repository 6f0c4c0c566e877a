"""What every command needs: the settings or a sentence, and parts that are closed again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import click
from pydantic import ValidationError
from pydantic_settings import SettingsError

from service.clock import Clock
from service.errors import Problem
from service.keys.rotating import KeyUnreadable
from service.lifespan import SchemaUnusable, close
from service.settings import PREFIX, Settings
from service.storage import DatabaseAway, schema
from service.telemetry import logs
from service.telemetry.metrics import new_metrics
from service.wiring import Parts, build

Answer = TypeVar("Answer")


def settings_or_exit() -> Settings:
    """Read the settings, or say in a sentence each what is wrong with them and exit with 2."""
    try:
        settings = Settings()
    except ValidationError as error:
        for item in error.errors():
            click.echo(f"signet: {_sentence(dict(item))}", err=True)
        raise SystemExit(2) from None
    except (SettingsError, ValueError) as error:
        # The library wraps what a source says; the sentence is in the cause.
        click.echo(f"signet: {error.__cause__ or error}", err=True)
        raise SystemExit(2) from None
    return settings


def with_parts(work: Callable[[Parts], Awaitable[Answer]]) -> Answer:
    """Run a piece of work on freshly built parts; a store that is away, or a refusal, is a sentence and exit 1."""
    settings = settings_or_exit()
    logs.set_up("console", "warning")
    try:
        return asyncio.run(_work(settings, work))
    except DatabaseAway:
        raise click.ClickException("Postgres can't be reached, or refuses; see `python -m service check`") from None
    except (KeyUnreadable, SchemaUnusable) as error:
        raise click.ClickException(str(error)) from None
    except Problem as problem:
        raise click.ClickException(f"{problem.title} {problem.detail}") from None


async def _work(settings: Settings, work: Callable[[Parts], Awaitable[Answer]]) -> Answer:
    async with _parts(settings) as parts:
        fault = await parts.stores.database.read(schema.find_fault)
        if fault is not None:
            raise SchemaUnusable(fault)
        return await work(parts)


@asynccontextmanager
async def _parts(settings: Settings) -> AsyncIterator[Parts]:
    parts = build(settings, Clock(), new_metrics())
    try:
        yield parts
    finally:
        await close(parts)


def _sentence(item: dict[str, object]) -> str:
    location = item["loc"]
    message = str(item["msg"]).removeprefix("Value error, ")
    if not isinstance(location, tuple) or not location:
        return message
    name = str(location[0])
    variable = name if name.isupper() else f"{PREFIX}{name.upper()}"
    if item["type"] == "missing":
        return f"{variable} is not set"
    return f"{variable}: {message}"
