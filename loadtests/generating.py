"""The generator's process: Locust as a library, alone, as the master of workers, or as a worker."""

import json
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import gevent
from locust import LoadTestShape
from locust.env import Environment
from locust.runners import MasterRunner, Runner, WorkerRunner
from pydantic import TypeAdapter

from loadtests.crowds import KINDS, Walker
from loadtests.dealing import DealtOut
from loadtests.plans import PORT, Plan
from loadtests.world import World
from local.refusals import CannotStart
from service.setting_kinds import parse_list

_SPAWNED_PER_SECOND = 100.0
_MORE_SECONDS = 1.5
_WORKERS_MAY_TAKE = 120.0


class Course(LoadTestShape):
    """All users from the beginning; phases and ramps are theirs. It ends the run when the last phase is over."""

    world: World

    def tick(self) -> tuple[int, float] | None:
        return None if self.world.is_over else (self.world.plan.users, _SPAWNED_PER_SECOND)


class Generation:
    """One run as generated here, or by workers if there is an address at which they find this process, their master."""

    def __init__(self, plan: Plan, master: str | None, ui_port: str | None) -> None:
        kinds = [KINDS[crowd.kind] for crowd in plan.crowds]
        for crowd in plan.crowds:
            KINDS[crowd.kind].fixed_count = crowd.users
        self._shape = Course()  # type: ignore[no-untyped-call]
        self._environment = Environment(
            user_classes=list(kinds), shape_class=self._shape, dispatcher_class=DealtOut, host=plan.hosts[0]
        )
        self._plan = plan
        self._seen: set[int] = set()
        self._ui_port = ui_port
        self._runner: Runner = (
            self._environment.create_master_runner(master, PORT) if master else self._environment.create_local_runner()
        )

    def run(self) -> dict[str, Any]:
        """Run the plan and give what was found, as JSON can carry it."""
        if isinstance(self._runner, MasterRunner):
            self._environment.events.worker_report.add_listener(self._on_worker_report)
            self._wait_for_workers(self._runner)
        if self._ui_port:
            self._environment.create_web_ui("127.0.0.1", int(self._ui_port))
        plan = Plan.of_json({**self._plan.to_json(), "begins_at": time.time() + self._spawning_seconds})
        self._world = Course.world = _enter(plan, self._environment)
        if isinstance(self._runner, MasterRunner):
            # The master only leads: what it measures of itself says nothing about the load.
            for index, worker in enumerate(sorted(self._runner.clients)):
                self._runner.send_message("plan", {"plan": plan.to_json(), "index": index}, worker)
        else:
            gevent.spawn(self._world.watch_itself)
        print(json.dumps({"begins_at": plan.begins_at}), flush=True)
        gevent.spawn(self._tell_regularly)
        self._runner.start_shape()
        if self._runner.shape_greenlet is not None:
            self._runner.shape_greenlet.join()
        self._runner.quit()
        return self._result()

    @property
    def _spawning_seconds(self) -> float:
        return self._plan.users / _SPAWNED_PER_SECOND + _MORE_SECONDS

    def _wait_for_workers(self, runner: MasterRunner) -> None:
        deadline = time.monotonic() + _WORKERS_MAY_TAKE
        while len(runner.clients.ready) < self._plan.workers:
            if time.monotonic() > deadline:
                raise CannotStart(f"Only {len(runner.clients.ready)} of {self._plan.workers} workers have come.")
            gevent.sleep(0.1)

    def _on_worker_report(self, client_id: str, data: dict[str, Any]) -> None:  # noqa: ARG002 - Locust's names
        found = data.get("found")
        if found:
            self._world.tally.merge(found["tally"])
            self._seen.update(found["seen"])

    def _tell_regularly(self) -> None:
        while True:
            self._tell()
            gevent.sleep(1.0)

    def _tell(self) -> None:
        """Tell what was counted since the last time, and how things stand."""
        stats = self._environment.stats
        unexpected: Counter[str] = Counter()
        for entry in stats.entries.values():
            unexpected[entry.name] += entry.num_failures
        told = {
            "second": self._world.now,
            "users": self._runner.user_count,
            "requests": stats.total.num_requests,
            "failures": stats.total.num_failures,
            "unexpected": unexpected,
            "tally": self._world.tally.drain(),
        }
        print(json.dumps(told), flush=True)

    def _result(self) -> dict[str, Any]:
        self._tell()
        return {
            "seen": sorted(self._seen | self._world.seen),
            "failures": [
                {"name": error.name, "error": str(error.error), "count": error.occurrences}
                for error in self._environment.stats.errors.values()
            ],
        }


def work(master: str, port: int = PORT) -> None:
    """Be a worker until the master has enough of it."""
    environment = Environment(user_classes=list(KINDS.values()))
    runner = environment.create_worker_runner(master, port)

    def on_plan(environment: Environment, msg: Any) -> None:
        world = _enter(Plan.of_json(msg.data["plan"]), environment, msg.data["index"])
        environment.events.report_to_master.add_listener(
            lambda client_id, data: data.update(found=world.drain())  # noqa: ARG005 - Locust's names
        )
        gevent.spawn(world.watch_itself)

    runner.register_message("plan", on_plan)
    assert isinstance(runner, WorkerRunner)  # noqa: S101 - for the types
    runner.greenlet.join()


def _enter(plan: Plan, environment: Environment, index: int = 0) -> World:
    world = World(plan, secret_keys(), index)
    Walker.world = world
    environment.events.request.add_listener(world.on_request)
    return world


def secret_keys() -> list[str]:
    """Read the deployment's secrets as the service itself would."""
    file = os.environ.get("SIGNET_SECRET_KEYS_FILE")
    given = Path(file).read_text(encoding="utf-8") if file else os.environ.get("SIGNET_SECRET_KEYS", "")
    return TypeAdapter(list[str]).validate_python(parse_list(given))


def main() -> None:
    """Run `python -m loadtests.generating PLAN RESULT [master=ADDRESS] [ui=PORT]`, or `work HOST [PORT]`."""
    words = sys.argv[1:]
    if words[0] == "work":
        work(words[1], int(words[2]) if len(words) > 2 else PORT)  # noqa: PLR2004
        return
    plan = Plan.of_json(json.loads(Path(words[0]).read_text(encoding="utf-8")))
    options = dict(word.split("=", 1) for word in words[2:])
    try:
        result = Generation(plan, options.get("master"), options.get("ui")).run()
    except CannotStart as reason:
        print(json.dumps({"refused": str(reason)}), flush=True)
        sys.exit(2)
    Path(words[1]).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
