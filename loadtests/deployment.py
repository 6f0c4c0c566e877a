"""The deployment that was named: whether it is there, and what a scenario presumes of it that a run does not change."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import redis

from loadtests.asking import place_of
from loadtests.replicas import Say, reached, steady
from loadtests.scenario import Scenario
from loadtests.subject import Hooks, Subject
from local.refusals import CannotStart
from service.commands.running import settings_or_exit
from service.settings import PREFIX, Settings

_SECONDS = 5.0


@dataclass(frozen=True)
class Named:
    """What was said of a deployment on the command line."""

    hosts: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    replicas: int = 0
    hooks: Hooks = field(default_factory=Hooks)
    is_as_configured: bool = False


def found(scenario: Scenario, named: Named, say: Say) -> Subject:
    """Take the deployment, once it is ready; its settings, secret and database among them, are in the environment.

    What stands in the way of the scenario is refused before anything is done there.
    """
    for option, addresses in (("HOST", named.hosts), ("METRICS", named.metrics)):
        for address in addresses:
            place_of(option, address)
    if not named.metrics:
        raise CannotStart("METRICS must name where each replica tells its metrics, such as http://signet-pods:9000.")
    if scenario.takes_away and not (named.hooks.away and named.hooks.back):
        raise CannotStart("This scenario takes a store away: say how with AWAY=... and BACK=...")
    settings = settings_or_exit()
    if not named.is_as_configured:
        _refuse_otherwise_configured(scenario, settings)
    if any(intervention.what == "flush redis" for intervention in scenario.interventions):
        _refuse_without_redis(settings)
    say("Waiting until every replica is ready")
    metrics = steady(named.metrics, named.replicas, say=say)
    hosts = [host for each in named.hosts for host in reached(each, metrics)]
    notes = tuple(_notes(scenario, len(hosts), len(metrics)))
    for note in notes:
        say(f"Note: {note}.")
    return Subject(settings, tuple(hosts), metrics, hooks=named.hooks, notes=notes)


def _notes(scenario: Scenario, hosts: int, replicas: int) -> list[str]:
    """Say what a reader of the verdict has to know."""
    notes = []
    if presumed := _presumed(scenario, list(scenario.settings)):
        notes.append(f"{scenario.name} presumes of the deployment, and has not seen to it: {presumed}")
    if hosts == 1 and any(crowd.kind == "Leavers" for crowd in scenario.crowds):
        notes.append(
            f"log-outs and the questions after them go to one HOST for {replicas} replicas, so one may get both: "
            "at another the lag may be longer; name each replica"
        )
    return notes


def _refuse_otherwise_configured(scenario: Scenario, settings: Settings) -> None:
    """Refuse to judge by settings that the environment, which has those of the deployment, does not have."""
    fields = {name: name.removeprefix(PREFIX).lower() for name in scenario.settings}
    wanted = Settings(**{fields[name]: value for name, value in scenario.settings.items()})  # type: ignore[arg-type]
    others = [name for name, field in fields.items() if getattr(wanted, field) != getattr(settings, field)]
    if lacking := _presumed(scenario, others):
        raise CannotStart(
            f"{scenario.name} can't be judged without {lacking}, and a run changes no deployment that was named: "
            "set it up so and say --as-configured (make: ARGUMENTS=--as-configured; chart: loadtest.asConfigured)."
        )


def _presumed(scenario: Scenario, names: Sequence[str]) -> str:
    presumed = [f"{name}={scenario.settings[name]}" for name in names]
    if scenario.slowness:
        presumed.append(f"a database that answers {1000 * scenario.slowness:.0f} ms later in the middle of the run")
    return ", ".join(presumed)


def _refuse_without_redis(settings: Settings) -> None:
    try:
        timeouts = {"socket_connect_timeout": _SECONDS, "socket_timeout": _SECONDS}
        with redis.Redis.from_url(settings.redis_address(), **timeouts) as client:
            # What emptying it begins with: who may ping may not be allowed this.
            client.scan(match="signet:*", count=1)
    except (redis.RedisError, OSError) as reason:
        raise CannotStart(f"This scenario empties Redis, which SIGNET_REDIS_URL does not reach: {reason}.") from reason
