"""What stands in the way of a run is said in a sentence before anything is seeded, and never ends with 1."""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import click
import pytest
from click.testing import CliRunner, Result

from loadtests import __main__ as command_line
from loadtests import running, scenarios
from loadtests.gates import Outcome
from loadtests.plans import Issuing, plan_of
from local.refusals import CannotStart
from tests.kit.environment import Addresses
from tests.kit.programs import ROOT
from tests.kit.services import Service
from tests.kit.unready import NOBODY_LISTENS
from tests.loadtests.runs import against
from tests.loadtests.strangers import serving

NOBODY = f"http://{NOBODY_LISTENS}"
DATABASE_AWAY = {"SIGNET_DATABASE_URL": f"postgresql://nobody@{NOBODY_LISTENS}/signet"}
NO_KEYS = """
    CREATE TABLE signing_keys
    (kid text, algorithm text, sealed_private bytea, active_at timestamptz, retired_at timestamptz)
"""
REDIS_AWAY = {"SIGNET_REDIS_URL": f"redis://{NOBODY_LISTENS}/0"}
OTHER_SECRET = {"SIGNET_SECRET_KEYS": "4n0th3r-S3cret-With-Enough-Different-Symbols"}


@pytest.fixture
def page() -> Iterator[str]:
    with serving(b"<!doctype html><title>Welcome</title>") as strangers:
        yield f"http://127.0.0.1:{strangers.port}"


@pytest.fixture
async def invoke(stores: Addresses, tmp_path: Path) -> Callable[..., Any]:
    """Say the words to the command line with the settings of a deployment, or others."""
    given = {name: value for name, value in stores.environment().items() if name.startswith("SIGNET_")}

    async def say(*words: str, settings: Mapping[str, str | None] | None = None) -> Result:
        reports = ("--reports", str(tmp_path)) if words[0] == "run" and "--reports" not in words else ()
        environment = {**given, **(settings or {})}
        return await asyncio.to_thread(CliRunner().invoke, command_line.cli, [*words, *reports], env=environment)

    return say


def sentence(result: Result) -> str:
    """Give the one line that says why nothing was judged."""
    assert result.exit_code == Outcome.VOID, result.output
    lines = [line for line in result.output.splitlines() if line.startswith(("Error: ", "signet: "))]
    assert "Traceback" not in result.output
    assert len(lines) == 1, result.output
    return lines[0]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--host", NOBODY), "METRICS must name"),
        (("--host", NOBODY, "--metrics", "10.0.1.5:9000"), "METRICS must be an address .* not '10.0.1.5:9000'"),
        (("--host", NOBODY, "--metrics", "http://10.0.1.5:port"), "METRICS must be an address"),
        (("--metrics", NOBODY), "HOST names none"),
    ],
)
async def test_an_address_that_is_none_is_named(invoke: Callable[..., Any], words: Sequence[str], says: str) -> None:
    result = await invoke("run", "warm-cache", *words)

    assert re.search(says, sentence(result))
    assert len(result.output.splitlines()) == 1


async def test_what_answers_at_metrics_and_is_no_replica_is_named(
    invoke: Callable[..., Any], page: str, service: Service
) -> None:
    html = sentence(await invoke("run", "warm-cache", "--host", service.url, "--metrics", page))
    api = sentence(await invoke("run", "warm-cache", "--host", service.url, "--metrics", service.url))

    assert f"what {page}/metrics answers are no metrics but '<!doctype html>" in html
    assert f"{service.url} has no /metrics (404)" in api


async def test_what_answers_at_host_and_is_not_signet_is_named_before_anybody_is_seeded(
    invoke: Callable[..., Any], page: str, service: Service
) -> None:
    metrics = ("--metrics", service.management_url)

    assert "HOST must be an address" in sentence(await invoke("run", "warm-cache", "--host", "localhost", *metrics))
    result = await invoke("run", "warm-cache", "--host", page, *metrics)
    assert f"HOST: {page} is not Signet" in sentence(result)
    assert "Seeding" not in result.output


async def test_reports_that_cannot_be_written_are_no_end_of_a_long_run(
    invoke: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.touch()

    result = await invoke("run", "warm-cache", "--reports", str(file / "reports"))

    assert sentence(result) == f"Error: Reports can't be written into {file / 'reports'}: Not a directory."
    assert "Starting" not in result.output


@pytest.mark.parametrize("words", [("run", "warm-cache", "--host", NOBODY, "--metrics", NOBODY), ("seed",)], ids=str)
async def test_a_setting_that_is_missing_is_named(invoke: Callable[..., Any], words: Sequence[str]) -> None:
    assert "SIGNET_DATABASE_URL" in sentence(await invoke(*words, settings={"SIGNET_DATABASE_URL": None}))


@pytest.mark.parametrize(
    ("settings", "says"),
    [(DATABASE_AWAY, "PostgreSQL refuses or can't be reached"), (OTHER_SECRET, "does not open the signing key")],
    ids=["away", "another secret"],
)
async def test_a_deployment_that_cannot_be_seeded_is_refused(
    invoke: Callable[..., Any], replicas: tuple[Service, Service], stores: Addresses, settings: Any, says: str
) -> None:
    where, _ = against(replicas, stores)

    result = await invoke("run", "warm-cache", *where, settings=settings)

    assert says in sentence(result)
    assert "Seeding" not in result.output


async def test_a_database_without_tables_or_without_a_key_is_refused(
    invoke: Callable[..., Any], replicas: tuple[Service, Service], bare_stores: Addresses
) -> None:
    where, _ = against(replicas, bare_stores)
    bare = {"SIGNET_DATABASE_URL": bare_stores.database_url}

    assert "no tables of Signet" in sentence(await invoke("run", "warm-cache", *where, settings=bare))
    assert "no tables of Signet" in sentence(await invoke("seed", settings=bare))
    connection = await asyncpg.connect(bare_stores.database_url)
    await connection.execute(NO_KEYS)
    await connection.close()
    assert "There is no signing key" in sentence(await invoke("run", "warm-cache", *where, settings=bare))


async def test_seeding_says_that_the_database_is_away(invoke: Callable[..., Any]) -> None:
    assert "can't be reached" in sentence(await invoke("seed", "--people", "1", settings=DATABASE_AWAY))


async def test_what_a_scenario_does_to_a_store_is_refused_where_it_could_not_be_done(
    invoke: Callable[..., Any], replicas: tuple[Service, Service], stores: Addresses
) -> None:
    where, _ = against(replicas, stores)

    assert "AWAY=... and BACK=..." in sentence(await invoke("run", "outage", *where))
    assert "SIGNET_REDIS_URL does not reach" in sentence(await invoke("run", "cold-cache", *where, settings=REDIS_AWAY))


async def test_a_scenario_is_not_judged_by_settings_the_deployment_does_not_have(
    invoke: Callable[..., Any], replicas: tuple[Service, Service], stores: Addresses
) -> None:
    """The next thing that is missed is said instead, where the deployment is set up as the scenario presumes."""
    where, _ = against(replicas, stores)
    as_presumed = {"SIGNET_HASH_THREADS": "1", **DATABASE_AWAY}

    pool = sentence(await invoke("run", "pool-pressure", *where))
    storm = sentence(await invoke("run", "login-storm", *where))

    assert "without SIGNET_DATABASE_POOL=2, SIGNET_DATABASE_WAIT=300ms, a database that answers 25 ms later" in pool
    assert "without SIGNET_HASH_THREADS=1, and" in storm
    for words, settings in (
        (("login-storm",), as_presumed),
        (("login-storm", "--as-configured"), DATABASE_AWAY),
        (("pool-pressure", "--as-configured"), DATABASE_AWAY),
    ):
        result = await invoke("run", *words, *where, settings=settings)
        assert "PostgreSQL refuses" in sentence(result)
        assert f"Note: {words[0]} presumes of the deployment, and has not seen to it: SIGNET_" in result.output


@pytest.mark.parametrize(
    "words",
    [("--workers", "2"), ("--workers", "2", "--workers-elsewhere"), ("--ui", "--ui-port", "5557")],
    ids=["master", "master of others", "pages"],
)
async def test_a_port_that_is_taken_is_said_before_anything_is_started(
    invoke: Callable[..., Any], words: Sequence[str]
) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Where it is taken by somebody else it is taken all the same.
        with suppress(OSError):
            taken.bind(("127.0.0.1", 5557))
            taken.listen()

        result = await invoke("run", "warm-cache", *words)

    assert "Port 5557, at which" in sentence(result)
    assert "Starting" not in result.output


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("", "ended before the run began"),
        ("""print('{"refused": "Only 1 of 2 workers have come."}')""", "Only 1 of 2 workers"),
    ],
    ids=["nothing", "a reason"],
)
async def test_a_generator_that_ends_before_the_run_begins_is_no_traceback(program: str, says: str) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-S", "-c", program, stdout=asyncio.subprocess.PIPE)

    with pytest.raises(CannotStart, match=says):
        await running._beginning(process)

    await process.wait()


@pytest.mark.prove
def test_a_master_without_workers_says_so_and_ends(tmp_path: Path) -> None:
    issuing = Issuing("https://id.example.test", "signet", 600, "none", "EdDSA", "")
    plan = plan_of(scenarios.find("soak"), ("http://127.0.0.1:1",), "", issuing, 0)
    (tmp_path / "plan.json").write_text(json.dumps(plan.to_json()), encoding="utf-8")
    impatient = "from loadtests import generating; generating._WORKERS_MAY_TAKE = 0; generating.main()"
    words = [sys.executable, "-c", impatient, str(tmp_path / "plan.json"), str(tmp_path / "result"), "master=127.0.0.1"]

    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, json.loads(done.stdout)) == (2, {"refused": "Only 0 of 1 workers have come."}), done.stderr
    assert done.stderr == ""


async def test_what_is_no_report_or_of_another_scenario_is_not_compared(
    invoke: Callable[..., Any], tmp_path: Path
) -> None:
    told = {"scenario": "soak", "verdict": "green", "gates": [], "requests": []}
    one, other, none, torn = (tmp_path / f"{name}.json" for name in ("one", "other", "none", "torn"))
    one.write_text(json.dumps(told))
    other.write_text(json.dumps({**told, "scenario": "mixed"}))
    none.write_text("[]")
    torn.write_text('{"scenario": ')

    assert "of soak, the other of mixed" in sentence(await invoke("compare", str(one), str(other)))
    assert "none.json is not the JSON of a run" in sentence(await invoke("compare", str(one), str(none)))
    assert "torn.json can't be read as JSON" in sentence(await invoke("compare", str(one), str(torn)))


@pytest.mark.parametrize("failure", [ZeroDivisionError, CannotStart, KeyboardInterrupt], ids=str)
def test_whatever_ends_a_run_early_is_no_verdict(
    failure: type[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises((SystemExit, click.ClickException)) as ended, command_line._refusing():
        raise failure

    # What nobody has foreseen is to be seen as it is.
    assert ("ZeroDivisionError" in capsys.readouterr().err) == (failure is ZeroDivisionError)
    assert getattr(ended.value, "exit_code", getattr(ended.value, "code", None)) == Outcome.VOID


def test_the_process_ends_with_2(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "loadtests", "run", "outage", "--host", NOBODY, "--metrics", NOBODY]
    done = subprocess.run(
        [*words, "--reports", str(tmp_path)],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == Outcome.VOID
    assert done.stderr == "Error: This scenario takes a store away: say how with AWAY=... and BACK=...\n"
