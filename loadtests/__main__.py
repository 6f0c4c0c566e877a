"""python -m loadtests: run, seed, work, compare.

Exit 0: every gate was kept; 1: a gate was not, and nothing else is; 2: the run says nothing, or could not be run.
"""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from loadtests import running, scenarios, seeding
from loadtests.comparing import NotComparable, compare
from loadtests.deployment import Named
from loadtests.gates import Outcome
from loadtests.listening import listening
from loadtests.reporting import made_writable, write_reports
from loadtests.subject import Hooks
from loadtests.telling import Telling
from local.refusals import CannotStart
from service.commands.running import settings_or_exit


class Refusal(click.ClickException):
    """Nothing was judged: never 1, which says that a gate was not kept."""

    exit_code = Outcome.VOID


@contextmanager
def _refusing() -> Iterator[None]:
    """Say in a sentence what stands in the way. What nobody has foreseen is no verdict either."""
    try:
        yield
    except (CannotStart, NotComparable) as refusal:
        raise Refusal(str(refusal)) from refusal
    except KeyboardInterrupt:
        raise Refusal("Broken off: nothing was judged.") from None
    except Exception:  # noqa: BLE001 - whatever it is, Python's own exit code for it would be 1
        traceback.print_exc()
        sys.exit(Outcome.VOID)


@click.group()
def cli() -> None:
    """Load tests with a verdict."""


@cli.command()
@click.argument("scenario", type=click.Choice(scenarios.NAMES))
@click.option("--host", "hosts", multiple=True, help="Address of a running Signet; several are taken in turn.")
@click.option("--metrics", multiple=True, help="Where replicas tell metrics; a name stands for all its addresses.")
@click.option(
    "--replicas",
    type=click.IntRange(0),
    default=0,
    help="Wait until there are just so many; 0 is as many as there are.",
)
@click.option("--workers", type=click.IntRange(0), default=0, help="Generator processes; 0 is one, without a master.")
@click.option("--workers-elsewhere", is_flag=True, help="Wait for workers from other machines, start none.")
@click.option("--as-configured", is_flag=True, help="The deployment is set up as the scenario presumes.")
@click.option("--ui", is_flag=True, help="Show Locust's own pages meanwhile.")
@click.option("--ui-port", type=click.IntRange(1, 65535), default=8089, show_default=True, help="Where.")
@click.option(
    "--length", type=click.FloatRange(0, min_open=True), default=1.0, help="Make every phase so many times as long."
)
@click.option("--take", type=click.Choice(["redis", "postgres"]), default="redis", help="What `outage` takes away.")
@click.option("--away", default="", help="Shell command that takes a store away from a running deployment.")
@click.option("--back", default="", help="Shell command that brings it back.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("load-reports"), help="Folder for reports.")
@click.option("--tell", "port", default=0, help="Tell Prometheus of the run on this port, such as 9646.")
@click.option("--module", default="service", hidden=True, help="Start this instead: a build with a fault.")
def run(scenario: str, reports: Path, **given: Any) -> None:
    """Run a scenario and judge it."""
    hooks = Hooks(given["away"], given["back"])
    named = Named(given["hosts"], given["metrics"], given["replicas"], hooks, given["as_configured"])
    wishes = running.Wishes(
        named=named,
        workers=given["workers"],
        are_workers_elsewhere=given["workers_elsewhere"],
        ui_port=given["ui_port"] if given["ui"] else 0,
        taken=given["take"],
        module=given["module"],
    )
    chosen = running.stretched(scenarios.find(scenario), given["length"])
    telling = Telling(chosen)
    with _refusing():
        made_writable(reports)
        with listening(telling, given["port"]):
            ran = running.run(chosen, wishes, telling)
            telling.judge(ran.verdict)
            _tell(ran)
            click.echo(f"\n  {write_reports(ran.evidence, ran.verdict, reports)}")
            telling.linger()
    sys.exit(int(ran.verdict.outcome))


def _tell(ran: running.Ran) -> None:
    """Say of each gate what came of it; what failed comes last, where it is seen."""
    for judged in sorted(ran.verdict.judged, key=lambda judged: not judged.is_kept):
        click.echo(f"  {'kept  ' if judged.is_kept else 'FAILED'}  {judged}")
    for reason in ran.verdict.void:
        click.echo(f"  VOID    {reason}")
    for note in ran.evidence.facts.get("notes", ()):
        click.echo(f"  NOTE    {note}")
    click.echo(f"\n{ran.evidence.scenario.name}: {ran.verdict.outcome.name.lower()}")


@cli.command()
@click.option("--people", type=click.IntRange(1), default=100_000, help="How many people there are to be.")
def seed(people: int) -> None:
    """Fill the database of the environment with people; those who are there stay."""
    with _refusing():
        click.echo(f"{seeding.seed_alone(settings_or_exit(), people):,} people are new.")


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
    with _refusing():
        click.echo(compare(before, after))


if __name__ == "__main__":
    cli()
