"""serve, dev, migrate, check, openapi; and where the groups hang."""

import asyncio
import json
import logging
import shlex
import sys
from datetime import timedelta
from pathlib import Path

import click
from pydantic import SecretStr

from service.commands.keys import keys
from service.commands.running import settings_or_exit
from service.commands.users import users
from service.settings import Settings
from service.telemetry import logs

logger = logging.getLogger(__name__)


@click.group(help="Users, sessions and tokens for every other service in a cluster.")
def cli() -> None:
    """Hold the subcommands."""


@cli.command()
def serve() -> None:
    """Serve the API and, on the management port, probes and metrics."""
    from service.commands.checking import find_fatal  # noqa: PLC0415 - keeps the other commands quick
    from service.server import serve as run  # noqa: PLC0415

    settings = settings_or_exit()
    logs.set_up(settings.log_format, settings.log_level)
    fatal = asyncio.run(find_fatal(settings))
    if fatal is not None:
        raise click.ClickException(fatal)
    run(settings)


@cli.command()
@click.option("--watch", type=click.Path(exists=True, path_type=Path), default="service", help="Folder to watch.")
def dev(watch: Path) -> None:
    """Serve, and start again whenever a file changes. For developers."""
    from watchfiles import PythonFilter, run_process  # noqa: PLC0415 - a development tool, absent in the image

    settings_or_exit()
    run_process(watch, target=shlex.join([sys.executable, "-m", "service", "serve"]), watch_filter=PythonFilter())


@cli.command("migrate")
@click.option("--wait", type=float, default=60.0, show_default=True, help="Seconds to wait for Postgres.")
def run_migrations(wait: float) -> None:
    """Bring the database's schema up to date. Safe to run again, and in many places at once."""
    # Alembic is ten megabytes that no worker needs.
    from service.storage.migrating import PostgresNotReached, SchemaTooNew, migrate  # noqa: PLC0415

    settings = settings_or_exit()
    logs.set_up(settings.log_format, settings.log_level)
    try:
        logger.info(asyncio.run(migrate(settings, timedelta(seconds=wait))))
    except PostgresNotReached as error:
        raise click.ClickException(f"Postgres did not answer within {wait:.0f} s ({error})") from None
    except SchemaTooNew as error:
        raise click.ClickException(str(error)) from None


@cli.command()
def check() -> None:
    """Say whether settings, signing keys and both stores are usable, and why not."""
    from service.commands.checking import find_faults  # noqa: PLC0415

    settings = settings_or_exit()
    click.echo("settings: ok")
    results = asyncio.run(find_faults(settings))
    for name, fault in results.items():
        click.echo(f"{name}: {fault or 'ok'}")
    if any(results.values()):
        raise SystemExit(1)


@cli.command()
def openapi() -> None:
    """Print the OpenAPI description. Needs no store and no settings."""
    from service.app import describe_app  # noqa: PLC0415

    # Made without reading the environment, which may be wrong or not there.
    settings = Settings.model_construct(
        mode="development",
        public_url="http://localhost:8000",
        database_url=SecretStr("postgresql://localhost/signet"),
        redis_url=SecretStr("redis://localhost"),
        secret_keys=[SecretStr("only-for-the-description-never-used")],
    )
    click.echo(json.dumps(describe_app(settings), indent=2))


cli.add_command(keys)
cli.add_command(users)
