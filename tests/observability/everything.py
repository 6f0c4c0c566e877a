"""Everything people do with Signet, once around: so that each metric has something to count."""

import secrets

import asyncpg

from tests.kit.ageing import GRACE, age
from tests.kit.people import PASSWORD, Person, SignedIn, new_person
from tests.kit.refreshing import refresh
from tests.kit.services import Service

# One more than the limit of an account allows in a minute.
WRONG_PASSWORDS = 11


async def around(first: Service, second: Service, database: asyncpg.Connection) -> Person:
    """Register, sign in, read, change, refresh, replay, verify, revoke; gives the person, who has left."""
    person = await new_person(first, f"{secrets.token_hex(6)}@example.com")
    phone, laptop = await person.sign_in("phone"), await person.sign_in("laptop", second)
    # The second replica finds in Redis what the first one has loaded.
    for replica in (first, second):
        assert (await replica.get("/v1/users/me", token=phone.access_token)).status_code == 200
    await reading(second, phone)
    await first.get("/.well-known/jwks.json")
    await guessing(first, f"{secrets.token_hex(6)}@example.com", WRONG_PASSWORDS)
    await refreshing(second, laptop, database)
    for replica in (first, second):
        assert await replica.accepts(phone.access_token)
        assert await replica.refuses("not.a.token")
    await first.delete(f"/v1/sessions/{phone.session_id}", token=phone.access_token)
    await leaving(first, person)
    return person


async def guessing(service: Service, email: str, times: int) -> None:
    """Try wrong passwords; past the limit of an account they are not even looked at."""
    for number in range(times):
        answer = await service.post("/v1/sessions", json={"email": email, "password": f"a guess, number {number}"})
        assert answer.status_code in {401, 429, 503}


async def reading(service: Service, session: SignedIn) -> None:
    """Read and change one's own profile, and list sessions."""
    profile = await service.get("/v1/users/me", token=session.access_token)
    again = await service.get("/v1/users/me", token=session.access_token)
    assert (profile.status_code, again.status_code) == (200, 200)
    headers = {"If-Match": again.headers["etag"]}
    await service.patch("/v1/users/me", token=session.access_token, headers=headers, json={"display_name": "Ada"})
    await service.get("/v1/sessions", token=session.access_token)


async def refreshing(service: Service, session: SignedIn, database: asyncpg.Connection) -> None:
    """Refresh, repeat within the grace, show something that is none, and replay what is used."""
    for token in (session.refresh_token, session.refresh_token, "v1.garbage"):
        await refresh(service, token)
    await replay(service, session, database)


async def replay(service: Service, session: SignedIn, database: asyncpg.Connection) -> None:
    """Use a refresh token, let its grace pass, and show it again."""
    await refresh(service, session.refresh_token)
    await age(database, session.session_id, GRACE)
    answer = await refresh(service, session.refresh_token)
    assert answer.status_code == 401


async def leaving(service: Service, person: Person) -> None:
    """Change the password, which ends every session, and sign out of the new one."""
    session = await person.sign_in("last")
    passwords = {"current_password": PASSWORD, "new_password": "another fine password"}
    changed = SignedIn.of(await service.put("/v1/account/password", token=session.access_token, json=passwords))
    await service.delete("/v1/sessions/current", token=changed.access_token)
