"""Everything people do with Signet, once around: so that each route and each metric has something to count."""

import secrets

import asyncpg
import httpx

from tests.kit.admins import new_admin
from tests.kit.ageing import GRACE, age
from tests.kit.people import PASSWORD, Person, SignedIn, new_person
from tests.kit.refreshing import refresh
from tests.kit.services import Service

# One more than the limit of an account allows in a minute.
WRONG_PASSWORDS = 11
PUBLISHED = (
    "/.well-known/jwks.json",
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
)


async def around(first: Service, second: Service, database: asyncpg.Connection) -> None:
    """Use every route and every outcome that needs no fault; promises/test_everything.py holds it against the API."""
    person = await new_person(first, _address())
    phone, laptop = await person.sign_in("phone"), await person.sign_in("laptop", second)
    # The second replica finds in Redis what the first one has loaded.
    for replica in (first, second):
        assert (await replica.get("/v1/users/me", token=phone.access_token)).status_code == 200
    await reading(second, phone)
    for path in PUBLISHED:
        done(await first.get(path))
    await guessing(first, _address(), WRONG_PASSWORDS)
    await refreshing(second, laptop, database)
    for replica in (first, second):
        assert await replica.accepts(phone.access_token)
        assert await replica.refuses("not.a.token")
    done(await first.delete(f"/v1/sessions/{phone.session_id}", token=phone.access_token))
    await administering(first, database)
    await leaving(first, person)


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
    done(await service.patch("/v1/users/me", token=session.access_token, headers=headers, json={"display_name": "Ada"}))
    done(await service.get("/v1/sessions", token=session.access_token))


async def refreshing(service: Service, session: SignedIn, database: asyncpg.Connection) -> None:
    """Refresh both ways, repeat within the grace, show something that is none, and replay what is used."""
    for token in (session.refresh_token, session.refresh_token, "v1.garbage"):
        await refresh(service, token)
    form = {"grant_type": "refresh_token", "refresh_token": session.refresh_token}
    done(await service.post("/oauth/token", data=form))
    await replay(service, session, database)


async def replay(service: Service, session: SignedIn, database: asyncpg.Connection) -> None:
    """Use a refresh token, let its grace pass, and show it again."""
    await refresh(service, session.refresh_token)
    await age(database, session.session_id, GRACE)
    answer = await refresh(service, session.refresh_token)
    assert answer.status_code == 401


async def administering(service: Service, database: asyncpg.Connection) -> None:
    """Find somebody, change, suspend and reinstate them, look at their sessions, end these, and close the account."""
    boss = (await (await new_admin(service, database, _address())).sign_in("desk")).access_token
    somebody = await new_person(service, _address())
    user, anything = f"/v1/users/{somebody.id}", {"If-Match": "*"}
    done(await service.get("/v1/users", params={"role": "admin"}, token=boss))
    done(await service.get(user, token=boss))
    done(await service.patch(user, token=boss, headers=anything, json={"display_name": "Somebody"}))
    done(await service.put(f"{user}/roles", token=boss, headers=anything, json={"roles": ["support"]}))
    await somebody.sign_in("phone")
    done(await service.get(f"{user}/sessions", token=boss))
    done(await service.delete(f"{user}/sessions", token=boss))
    done(await service.post(f"{user}/suspend", token=boss, json={"reason": "a test"}))
    done(await service.post(f"{user}/reinstate", token=boss))
    done(await service.delete(user, token=boss))


async def leaving(service: Service, person: Person) -> None:
    """Change the password, which ends every session, sign out of the new one and everywhere, and close the account."""
    session = await person.sign_in("last")
    passwords = {"current_password": PASSWORD, "new_password": "another fine password"}
    changed = SignedIn.of(await service.put("/v1/account/password", token=session.access_token, json=passwords))
    done(await service.delete("/v1/sessions/current", token=changed.access_token))
    person.password = passwords["new_password"]
    done(await service.delete("/v1/sessions", token=(await person.sign_in("everywhere")).access_token))
    done(await service.delete("/v1/users/me", token=(await person.sign_in("closing")).access_token))


def done(answer: httpx.Response) -> None:
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"


def _address() -> str:
    return f"{secrets.token_hex(6)}@example.com"
