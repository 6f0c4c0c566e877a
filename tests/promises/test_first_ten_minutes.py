"""docs/first-ten-minutes.md: its commands run as they stand there and print what it promises."""

import asyncio
import re
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from local.signet import Wishes
from tests.kit.programs import ROOT
from tests.kit.services import Service, free_ports

PAGE = ROOT / "docs/first-ten-minutes.md"
ADDRESS = f"BASE={Wishes({}).address}\n"
END = "-- end of step {} --"


@dataclass(frozen=True)
class Step:
    """Some commands, and what the page promises that they print; `…` stands for anything."""

    commands: str
    promised: str

    def is_kept_by(self, printed: str) -> bool:
        pattern = ".*".join(map(re.escape, self.promised.split("…")))
        return re.fullmatch(pattern, printed) is not None


def steps() -> list[Step]:
    blocks = re.findall(r"```(bash|text)\n(.*?)```\n", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    found: list[Step] = []
    for kind, text in blocks:
        if kind == "bash":
            found.append(Step(text, ""))
        else:
            found[-1] = Step(found[-1].commands, text)
    return found


@pytest.mark.skipif(shutil.which("curl") is None, reason="the commands are for machines with curl")
async def test_every_command_prints_what_the_page_promises(
    start_service: Callable[..., Awaitable[Service]],
) -> None:
    (port,) = free_ports(1)
    address = f"http://127.0.0.1:{port}"
    await start_service(SIGNET_PORT=str(port), SIGNET_PUBLIC_URL=address)
    walked = steps()
    assert walked[0].commands.startswith(ADDRESS)
    script = "".join(f"{step.commands}\necho '{END.format(number)}'\n" for number, step in enumerate(walked))

    shell = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        script.replace(ADDRESS, f"BASE={address}\n"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(shell.communicate(), 60)

    assert err.decode() == ""
    rest = out.decode()
    for number, step in enumerate(walked):
        printed, _, rest = rest.partition(END.format(number) + "\n")
        assert step.is_kept_by(without_trailing_spaces(printed)), f"{step.commands}\n{printed}"
    assert len(walked) > 10


def without_trailing_spaces(text: str) -> str:
    """Drop what nobody sees at the ends of lines; the JSON answers end without a line break."""
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())
