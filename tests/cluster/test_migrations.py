"""Migrations that are killed, that meet, and that a release which knows nothing of them has to live with."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import pytest

from tests.cluster.conftest import EXTERNAL
from tests.kit.cluster import Cluster
from tests.kit.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

POSTGRES = "stores-signet-postgres-0"
# A table of this name that nobody has committed stops a migration in the middle, after those it makes before.
HALF_WAY = "BEGIN; CREATE TABLE signing_keys ();\n"
ASKING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'signet migrate'"
)
HELD = (
    "SELECT count(*) > 0 FROM pg_locks JOIN pg_database d ON d.oid = database "
    "WHERE d.datname = current_database() AND mode = 'AccessExclusiveLock'"
)


class Database:
    """An empty one beside that of the stores' own release."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster, self.name = cluster, name
        cluster.kubectl(*self._psql("postgres"), "--command", f"CREATE DATABASE {name} OWNER signet")
        password = cluster.secret("stores-signet", "postgres-password")
        url = f"postgresql://signet:{password}@stores-signet-postgres/{name}"
        cluster.kubectl("create", "secret", "generic", name, f"--from-literal=database-url={url}")

    def _psql(self, database: str) -> tuple[str, ...]:
        return ("exec", "--stdin", POSTGRES, "--", "psql", "--username=postgres", f"--dbname={database}", "-qAt")

    def ask(self, query: str) -> str:
        return self.cluster.kubectl(*self._psql(self.name), "--command", query).strip()

    def tables(self) -> set[str]:
        return set(self.ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").split())

    def migrations_are_half_way(self, *, asking: int) -> bool:
        """Whether one is stopped in the middle, and so many connections of migrations are there."""
        return int(self.ask(f"{ASKING} AND wait_event_type = 'Lock'")) == 1 and int(self.ask(ASKING)) >= asking

    @contextmanager
    def stopping_migrations(self) -> Iterator[None]:
        words = ["kubectl", "--namespace", self.cluster.namespace, *self._psql(self.name)]
        with subprocess.Popen(words, stdin=subprocess.PIPE, text=True) as holder:
            assert holder.stdin is not None
            holder.stdin.write(HALF_WAY)
            holder.stdin.flush()
            until(lambda: self.ask(HELD) == "t", soon())
            yield
            holder.stdin.close()

    def install(self, *words: str) -> None:
        own = ("--set", f"postgres.external.existingSecret={self.name}", "--set", "existingSecret=addresses")
        self.cluster.install(self.name, *EXTERNAL, *own, *words, waiting=False)


def soon() -> float:
    return monotonic() + 60


def test_a_migration_killed_half_way_is_taken_up_again(others: Cluster) -> None:
    database = Database(others, "halfway")
    with database.stopping_migrations():
        database.install()
        until(lambda: database.migrations_are_half_way(asking=2), soon())
        (pod,) = others.pods("migrate", "halfway")
        name = pod["metadata"]["name"]
        others.kubectl("delete", "pod", name, "--grace-period=0", "--force", "--wait=false")
        assert database.tables() == set()

    others.kubectl("wait", f"job/{pod['metadata']['labels']['job-name']}", "--for=condition=Complete", "--timeout=2m")
    others.kubectl("rollout", "status", "deployment/halfway-signet", "--timeout=2m")
    assert {"users", "signing_keys", "schema_state"} <= database.tables()
    assert name not in {pod["metadata"]["name"] for pod in others.pods("migrate", "halfway")}
    assert "all is well" in others.helm("test", "halfway", "--logs")
    others.helm("uninstall", "halfway", "--wait")


def test_two_migrations_at_once_do_no_harm(others: Cluster) -> None:
    database = Database(others, "twice")
    with database.stopping_migrations():
        database.install("--set", "migrations.mode=initContainer", "--set", "replicaCount=2")
        # One holds the lock on one connection and migrates on another; the second asks for the lock.
        until(lambda: database.migrations_are_half_way(asking=3), soon())

    others.kubectl("rollout", "status", "deployment/twice-signet", "--timeout=3m", seconds=200)
    last = [
        others.kubectl("logs", pod["metadata"]["name"], "--container=migrate").splitlines()[-1]
        for pod in others.pods("server", "twice")
    ]
    said = [json.loads(line)["message"] for line in last]
    assert sorted(said) == ["another process migrated meanwhile", "migrated to level 1"]
    assert "all is well" in others.helm("test", "twice", "--logs")
    others.helm("uninstall", "twice", "--wait")
