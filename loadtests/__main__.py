"""python -m loadtests: run, seed, work, compare. Exit 0: every gate kept; 1: one was not; 2: the run says nothing."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from loadtests import running, scenarios, seeding
from loadtests.comparing import NotComparable, compare
from loadtests.listening import listening
from loadtests.reporting import write_reports
from loadtests.subject import Hooks
from loadtests.telling import Telling
from local.refusals import CannotStart
from service.settings import Settings


@click.group()
def cli() -> None:
    """Load tests with a verdict."""


@cli.command()
@click.argument("scenario", type=click.Choice(scenarios.NAMES))
@click.option("--host", "hosts", multiple=True, help="Address of a running Signet; several are taken in turn.")
@click.option("--metrics", multiple=True, help="Where replicas tell metrics; a name stands for all its addresses.")
@click.option("--replicas", default=0, help="Wait until there are just so many; 0 is as many as there are.")
@click.option("--workers", default=0, help="Generator processes; 0 is one, without a master.")
@click.option("--workers-elsewhere", is_flag=True, help="Wait for workers from other machines, start none.")
@click.option("--ui", is_flag=True, help="Show Locust's own pages meanwhile.")
@click.option("--length", default=1.0, help="Make every phase so many times as long.")
@click.option("--take", type=click.Choice(["redis", "postgres"]), default="redis", help="What `outage` takes away.")
@click.option("--away", default="", help="Shell command that takes a store away from a running deployment.")
@click.option("--back", default="", help="Shell command that brings it back.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("load-reports"), help="Folder for reports.")
@click.option("--tell", "port", default=0, help="Tell Prometheus of the run on this port, such as 9646.")
@click.option("--module", default="service", hidden=True, help="Start this instead: a build with a fault.")
def run(scenario: str, reports: Path, **given: Any) -> None:
    """Run a scenario and judge it."""
    wishes = running.Wishes(
        hosts=given["hosts"],
        metrics=given["metrics"],
        replicas=given["replicas"],
        workers=given["workers"],
        are_workers_elsewhere=given["workers_elsewhere"],
        has_ui=given["ui"],
        taken=given["take"],
        hooks=Hooks(given["away"], given["back"]),
        module=given["module"],
    )
    chosen = running.stretched(scenarios.find(scenario), given["length"])
    telling = Telling(chosen)
    try:
        with listening(telling, given["port"]):
            ran = running.run(chosen, wishes, telling)
            telling.judge(ran.verdict)
            _tell(ran)
            click.echo(f"\n  {write_reports(ran.evidence, ran.verdict, reports)}")
            telling.linger()
    except CannotStart as refusal:
        raise click.ClickException(str(refusal)) from refusal
    sys.exit(int(ran.verdict.outcome))


def _tell(ran: running.Ran) -> None:
    """Say of each gate what came of it; what failed comes last, where it is seen."""
    for judged in sorted(ran.verdict.judged, key=lambda judged: not judged.is_kept):
        click.echo(f"  {'kept  ' if judged.is_kept else 'FAILED'}  {judged}")
    for reason in ran.verdict.void:
        click.echo(f"  VOID    {reason}")
    click.echo(f"\n{ran.evidence.scenario.name}: {ran.verdict.outcome.name.lower()}")


@cli.command()
@click.option("--people", default=100_000, help="How many people there are to be.")
def seed(people: int) -> None:
    """Fill the database of the environment with people; those who are there stay."""
    click.echo(f"{seeding.seed_alone(Settings(), people):,} people are new.")


@cli.command()
@click.argument("master")
def work(master: str) -> None:
    """Be a worker of the master at this address, until it has enough."""
    # In a process of its own: Locust replaces the standard library's sockets as soon as it is imported.
    words = [sys.executable, "-m", "loadtests.generating", "work", master]
    os.execv(sys.executable, words)  # noqa: S606 - our own words


@cli.command(name="compare")
@click.argument("before", type=click.Path(exists=True, path_type=Path))
@click.argument("after", type=click.Path(exists=True, path_type=Path))
def compare_reports(before: Path, after: Path) -> None:
    """Hold two JSON reports of a scenario side by side."""
    try:
        click.echo(compare(before, after))
    except NotComparable as refusal:
        raise click.ClickException(str(refusal)) from refusal


if __name__ == "__main__":
    cli()
