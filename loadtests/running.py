"""One run from start to verdict: the order of things, and what is said meanwhile."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from loadtests import deployment, hashing, seeding
from loadtests.deployment import Named
from loadtests.evidence import Evidence
from loadtests.gates import Verdict, judge
from loadtests.measuring import Measuring, costliest
from loadtests.plans import PORT, Plan, plan_of
from loadtests.scenario import Intervention, Phase, Scenario
from loadtests.subject import Hooks, Subject, started
from loadtests.tally import Tally
from loadtests.telling import Telling
from local.folder import listening_refused
from local.refusals import CannotStart

ROOT = Path(__file__).resolve().parent.parent
_DEVICES = 2
_LAST_WORDS_SECONDS = 20.0
# What a generator tells of a second in which workers have reported of several.
_LONGEST_LINE = 16 * 2**20
_HERE = "127.0.0.1"


@dataclass(frozen=True)
class Wishes:
    """What was asked for on the command line."""

    named: Named = field(default_factory=Named)
    workers: int = 0
    are_workers_elsewhere: bool = False
    # Where Locust's own pages are shown; 0: nowhere.
    ui_port: int = 0
    taken: str = "redis"
    module: str = "service"

    @property
    def master_listens_at(self) -> str:
        """Give an address as ZeroMQ has it: workers of other machines come from anywhere, over IPv4 or IPv6."""
        return "*" if self.are_workers_elsewhere else _HERE


@dataclass(frozen=True)
class Ran:
    """A finished run."""

    evidence: Evidence
    verdict: Verdict


def run(scenario: Scenario, wishes: Wishes, telling: Telling) -> Ran:
    """Run a scenario and judge it; `telling` hears meanwhile how it goes."""
    _refuse_taken_ports(wishes)
    with _subject(scenario, wishes) as subject:
        evidence = asyncio.run(_Run(scenario, wishes, subject, telling).run())
    return Ran(evidence, judge(evidence))


def stretched(scenario: Scenario, factor: float) -> Scenario:
    """Make every phase so many times as long; a soak of hours is one of minutes with another factor.

    Answers are counted by whole seconds, so phases begin with one, unless they are to be shorter than that.
    """
    phases = tuple(Phase(phase.name, _whole(phase.seconds * factor)) for phase in scenario.phases)
    interventions = tuple(replace(each, after=each.after * factor) for each in scenario.interventions)
    return replace(scenario, phases=phases, interventions=interventions)


def _whole(seconds: float) -> float:
    return float(round(seconds)) if seconds >= 1 else seconds


def _refuse_taken_ports(wishes: Wishes) -> None:
    """Refuse before anything is seeded what the generator would fail at: its process has no better moment to say it."""
    wanted = [(wishes.master_listens_at, PORT, "generators find their master")] if wishes.workers else []
    wanted += [(_HERE, wishes.ui_port, "Locust shows its pages")] if wishes.ui_port else []
    for host, port, what in wanted:
        if refusal := listening_refused("" if host == "*" else host, port):
            raise CannotStart(f"Port {port}, at which {what}, can't be had: {refusal.strerror}.")


@contextmanager
def _subject(scenario: Scenario, wishes: Wishes) -> Iterator[Subject]:
    with ExitStack() as stack:
        if wishes.named.hosts:
            subject = deployment.found(scenario, wishes.named, say)
        elif wishes.named.metrics or wishes.named.hooks != Hooks():
            raise CannotStart("METRICS, AWAY and BACK are of a deployment, and HOST names none.")
        else:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="signet-load-")))
            # PostgreSQL may have to run as somebody else, who must get at its folder.
            folder.chmod(0o755)
            say("Starting PostgreSQL, Valkey and Signet")
            subject = stack.enter_context(started(scenario, folder, wishes.module))
        subject.taken = wishes.taken
        yield subject


class _Run:
    """The steps of one run, and what they hand on to each other."""

    def __init__(self, scenario: Scenario, wishes: Wishes, subject: Subject, telling: Telling) -> None:
        self._scenario = scenario
        self._telling = telling
        self._tally = Tally()
        self._wishes = wishes
        self._subject = subject
        self._measuring = Measuring(subject.metrics, subject.watching_url, subject.workers)

    async def run(self) -> Evidence:
        plan = await self._prepare()
        does_sign_in = any(crowd.kind == "Arrivals" for crowd in self._scenario.crowds)
        verify_seconds = hashing.verify_seconds(self._subject.settings) if does_sign_in else None
        statements = await self._measuring.statements()
        await self._measuring.scrape()
        with tempfile.TemporaryDirectory() as folder:
            result = await self._generate(plan, Path(folder))
        await self._measuring.scrape()
        return Evidence(
            scenario=self._scenario,
            tally=self._tally,
            seen=set(result["seen"]),
            moments=self._measuring.moments(),
            connections=[look for look in self._measuring.connections if look[0] >= 0],
            threads=self._measuring.threads,
            statements=costliest(statements, await self._measuring.statements()),
            failures=result["failures"],
            facts={
                "begins_at": self._measuring.begins_at,
                "taken": self._subject.taken,
                "verify_seconds": verify_seconds,
                "notes": self._subject.notes,
                "settings": dict(self._scenario.settings) if self._subject.stores else None,
            },
        )

    async def _prepare(self) -> Plan:
        """Seed people and sessions; what is not secret goes into the plan."""
        settings, people = self._subject.settings, self._scenario.dataset.people
        began_ms = seeding.now_ms()
        async with seeding.connected(settings) as connection:
            issuing = await seeding.find_issuing(connection, settings)
            await seeding.seed(connection, settings, people, seeding.Bar("Seeding people"))
            await seeding.open_sessions(connection, people, _DEVICES, began_ms)
        plan = plan_of(self._scenario, self._subject.hosts, settings.proxy_header, issuing, began_ms)
        return replace(plan, workers=max(1, self._wishes.workers))

    async def _generate(self, plan: Plan, folder: Path) -> dict[str, Any]:
        """Let the generator run; meanwhile everything is measured and the interventions happen."""
        (folder / "plan.json").write_text(json.dumps(plan.to_json()), encoding="utf-8")
        words = [str(folder / "plan.json"), str(folder / "result.json")]
        words += [f"master={self._wishes.master_listens_at}"] if self._wishes.workers else []
        words += [f"ui={self._wishes.ui_port}"] if self._wishes.ui_port else []
        async with _generator(words) as generator, _workers(self._wishes):
            self._measuring.begins_at = await _beginning(generator)
            say(f"Running {self._scenario.name} for {plan.seconds:.0f} s")
            beside = [asyncio.ensure_future(work) for work in self._beside()]
            try:
                await self._follow(generator, plan.seconds)
                # The last look at the replicas is at the end of the last phase.
                await beside[0]
            finally:
                for task in beside:
                    task.cancel()
                done = await asyncio.gather(*beside, return_exceptions=True)
                await self._subject.leave_whole()
        for failure in done:
            if isinstance(failure, Exception):
                raise failure
        return dict(json.loads((folder / "result.json").read_text(encoding="utf-8")))

    def _beside(self) -> list[Any]:
        boundaries = [self._scenario.span(phase.name)[1] for phase in self._scenario.phases]
        return [
            self._measuring.watch_replicas([0.0, *boundaries]),
            self._measuring.watch_connections(),
            *(self._intervene(intervention) for intervention in self._scenario.interventions),
        ]

    async def _intervene(self, intervention: Intervention) -> None:
        due = self._scenario.begin(intervention.phase) + intervention.after
        await asyncio.sleep(max(0.0, due - self._measuring.now))
        await self._subject.do(intervention.what)

    async def _follow(self, generator: asyncio.subprocess.Process, seconds: float) -> None:
        """Add up what the generator tells, and show where the run is, until it ends."""
        while said := await _line(generator):
            told = json.loads(said)
            self._tally.merge(told["tally"])
            self._telling.hear(told)
            second = min(max(told["second"], 0.0), seconds)
            phase = next((each.name for each in self._scenario.phases if second < self._end(each)), "done")
            progress(
                f"{self._scenario.name}: {second:3.0f} of {seconds:.0f} s, {phase}, "
                f"{told['requests']:,} requests, {told['failures']:,} not as expected"
            )
        progress("", is_last=True)
        try:
            exit_code = await asyncio.wait_for(generator.wait(), _LAST_WORDS_SECONDS)
        except TimeoutError as reason:
            raise CannotStart("The generator has told everything, and does not end.") from reason
        if exit_code:
            raise CannotStart(f"The generator has failed ({exit_code}); what it said stands above.")

    def _end(self, phase: Phase) -> float:
        return self._scenario.span(phase.name)[1]


@asynccontextmanager
async def _generator(words: list[str]) -> AsyncIterator[asyncio.subprocess.Process]:
    words = [sys.executable, "-m", "loadtests.generating", *words]
    # Ctrl-C is for us alone: we end what we have started, and it has nothing to say about that.
    process = await asyncio.create_subprocess_exec(
        *words, stdout=asyncio.subprocess.PIPE, cwd=ROOT, limit=_LONGEST_LINE, start_new_session=True
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def _workers(wishes: Wishes) -> AsyncIterator[None]:
    """Start workers on this machine, unless they come from elsewhere."""
    count = 0 if wishes.are_workers_elsewhere else wishes.workers
    words = [sys.executable, "-m", "loadtests.generating", "work", "127.0.0.1"]
    running = [await asyncio.create_subprocess_exec(*words, cwd=ROOT, start_new_session=True) for _ in range(count)]
    try:
        yield
    finally:
        for process in running:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _beginning(generator: asyncio.subprocess.Process) -> float:
    """Give the instant at which the generator says the first phase begins, or refuse as it does."""
    said = await _line(generator)
    told = json.loads(said) if said else {}
    if "begins_at" not in told:
        raise CannotStart(told.get("refused", "The generator ended before the run began; what it said stands above."))
    return float(told["begins_at"])


async def _line(generator: asyncio.subprocess.Process) -> bytes:
    if generator.stdout is None:
        return b""
    return await generator.stdout.readline()


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def progress(words: str, *, is_last: bool = False) -> None:
    """Show one line that changes; where nobody looks at a terminal, nothing."""
    if sys.stderr.isatty():
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
        print(f"\r{words[: columns - 1]:{columns - 1}}", end="\n" if is_last else "", file=sys.stderr, flush=True)
