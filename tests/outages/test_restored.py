"""Postgres restored to an earlier state: nobody who was known then is signed out, and no later profile is shown."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from tests.kit.ageing import A_MOMENT, GRACE, age
from tests.kit.everywhere import accepted_everywhere, refused_everywhere
from tests.kit.people import Person, SignedIn, new_person
from tests.kit.refreshing import refresh, refreshed
from tests.kit.services import Service
from tests.kit.waiting import eventually
from tests.outages.behind import BACK_WITHIN, HEARD_WITHIN, Behind, rename, shows, works
from tests.outages.ways import Store


@asynccontextmanager
async def rewound(store: Store, folder: Path) -> AsyncIterator[None]:
    """Postgres forgets after the block what was written inside: a copy of its data of before is put back."""
    data, copy = _data(store), folder / "copy"
    await store.stop()
    await _run("cp", "-a", data, copy)
    await store.start()
    yield
    await store.stop()
    await _run("rm", "-rf", data)
    await _run("cp", "-a", copy, data)
    await store.start()


async def test_a_refresh_token_newer_than_the_database_moves_forward_and_nobody_is_signed_out(
    replicas_behind_faults: tuple[Service, Service], behind: Behind, ada: Person, tmp_path: Path
) -> None:
    first, second = replicas_behind_faults
    phone, idle = await ada.sign_in("phone"), await ada.sign_in("idle")

    async with rewound(behind.postgres, tmp_path):
        await _back(replicas_behind_faults, idle)
        newer = await _twice_refreshed(first, behind, phone)

    await _back(replicas_behind_faults, idle)
    await accepted_everywhere(replicas_behind_faults, newer.access_token, idle.access_token)
    moved = await refreshed(second, newer.refresh_token)
    assert (moved.session_id, moved.refresh_token) == (phone.session_id, newer.refresh_token)
    await accepted_everywhere(replicas_behind_faults, moved.access_token)
    connection = await asyncpg.connect(behind.postgres.server.url)
    kinds = await connection.fetch("SELECT kind FROM audit_events WHERE session_id = $1", phone.session_id)
    await connection.close()
    assert "session.moved_forward" in {row["kind"] for row in kinds}


async def test_who_was_signed_out_everywhere_after_the_copy_can_sign_in_again(
    replicas_behind_faults: tuple[Service, Service], behind: Behind, ada: Person, tmp_path: Path
) -> None:
    """The epoch went back with the database; what replicas remember of the later one must not refuse new tokens."""
    phone = await ada.sign_in("phone")

    async with rewound(behind.postgres, tmp_path):
        await _back(replicas_behind_faults, phone)
        ended = await replicas_behind_faults[0].delete("/v1/sessions", token=phone.access_token)
        assert ended.status_code == 204
        await refused_everywhere(replicas_behind_faults, phone.access_token)

    await _back(replicas_behind_faults, phone)
    laptop = await ada.sign_in("laptop", replicas_behind_faults[1])
    for replica in replicas_behind_faults:
        await eventually(replica.accepts, laptop.access_token, within=BACK_WITHIN)


async def test_a_profile_of_after_the_copy_is_not_shown_any_longer(
    replicas_behind_faults: tuple[Service, Service], behind: Behind, ada: Person, tmp_path: Path
) -> None:
    first, second = replicas_behind_faults
    phone = await ada.sign_in("phone")

    async with rewound(behind.postgres, tmp_path):
        await _back(replicas_behind_faults, phone)
        lost = await rename(first, phone, "Lost")
        await eventually(shows, second, phone, lost, within=HEARD_WITHIN)

    await _back(replicas_behind_faults, phone)
    for replica in replicas_behind_faults:
        await eventually(_shows_name, replica, phone, None, within=BACK_WITHIN)
    # The same version again, with other bytes under it.
    found = await rename(first, phone, "Found")
    assert found.status_code == 200
    assert found.headers["etag"] == lost.headers["etag"]
    for replica in replicas_behind_faults:
        await eventually(shows, replica, phone, found, within=HEARD_WITHIN)


async def test_who_registered_after_the_copy_is_certainly_unknown(
    replicas_behind_faults: tuple[Service, Service], behind: Behind, ada: Person, tmp_path: Path
) -> None:
    phone = await ada.sign_in()

    async with rewound(behind.postgres, tmp_path):
        await _back(replicas_behind_faults, phone)
        grace = await new_person(replicas_behind_faults[0], "grace@example.com")
        gone = await grace.sign_in()

    await _back(replicas_behind_faults, phone)
    assert (await refresh(replicas_behind_faults[0], gone.refresh_token)).status_code == 401
    assert (await new_person(replicas_behind_faults[1], "grace@example.com")).id != grace.id


async def _back(replicas: tuple[Service, Service], session: SignedIn) -> None:
    for replica in replicas:
        await eventually(works, replica, session, within=BACK_WITHIN)


async def _twice_refreshed(service: Service, behind: Behind, session: SignedIn) -> SignedIn:
    """Rotate twice, so that the database knows a token two generations older after it went back."""
    connection = await asyncpg.connect(behind.postgres.server.url)
    try:
        once = await refreshed(service, session.refresh_token)
        await age(connection, session.session_id, GRACE + A_MOMENT)
        return await refreshed(service, once.refresh_token)
    finally:
        await connection.close()


async def _shows_name(service: Service, session: SignedIn, name: str | None) -> bool:
    return bool((await service.get("/v1/users/me", token=session.access_token)).json()["display_name"] == name)


def _data(store: Store) -> str:
    words = store.server.command.arguments
    return words[words.index("-D") + 1]


async def _run(*words: object) -> None:
    await asyncio.to_thread(subprocess.run, [str(word) for word in words], check=True)
