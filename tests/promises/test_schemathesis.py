"""Schemathesis holds the served description against a running service: every check, as an admin and as a plain user.

What it is told to let pass stands in schemathesis.toml beside this file, with the reasons.
"""

import asyncio
import json
import os
import re
import secrets
import sys
from pathlib import Path

import pytest

from tests.kit.people import PASSWORD, Person
from tests.kit.programs import ROOT
from tests.kit.services import Service

HERE = Path(__file__).parent
PATHS = json.loads((ROOT / "docs/openapi.json").read_text(encoding="utf-8"))["paths"]
OPERATIONS = sum(len(methods) for methods in PATHS.values())


@pytest.mark.timeout(170)
@pytest.mark.parametrize("caller", ["admin", "user"])
async def test_every_answer_is_one_that_is_described(caller: str, service: Service, admin: Person) -> None:
    await hold_against(service, admin if caller == "admin" else None, examples=6, seed=20260301)


@pytest.mark.prove
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("caller", ["admin", "user"])
async def test_every_answer_of_very_many_is_one_that_is_described(caller: str, service: Service, admin: Person) -> None:
    await hold_against(service, admin if caller == "admin" else None, examples=120, seed=secrets.randbits(32))


async def hold_against(service: Service, admin: Person | None, *, examples: int, seed: int) -> None:
    """Run Schemathesis to its end; a finding fails the test with all it has printed."""
    begun = len(service.log_lines())
    done = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml")),
        *("run", f"{service.url}/openapi.json", "--url", service.url, "--no-color"),
        *("--max-examples", str(examples), "--seed", str(seed), "--workers", "1"),
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SIGNET_UNDER_TEST": service.url,
            "SIGNET_UNDER_TEST_ADMIN": admin.email if admin else "",
            "SIGNET_UNDER_TEST_PASSWORD": admin.password if admin else PASSWORD,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told = (await done.communicate())[0].decode()

    print("\n".join(line for line in told.splitlines() if re.search(r"generated|Seed|=====", line)))
    assert done.returncode == 0, told
    assert f"Tested: {OPERATIONS}\n" in told
    assert [line for line in service.log_lines()[begun:] if '"level":"error"' in line] == []
