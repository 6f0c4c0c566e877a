"""GET /v1/users: pages, newest first, and the filters that narrow them."""

import random
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import pytest

from tests.kit.accounts import make_person, refused_fields
from tests.kit.metrics import read_metrics
from tests.kit.people import Person, SignedIn, problem
from tests.kit.services import Service

Question = dict[str, str | int]
STANDINGS = ("active", "active", "active", "suspended")
ROLES: tuple[list[str], ...] = ([], ["support"], ["support", "billing:read"], ["billing:read"])
QUESTIONS: list[Question] = [
    {"status": "active"},
    {"status": "suspended"},
    {"status": "closed"},
    {"role": "support"},
    {"role": "billing:read"},
    {"role": "admin"},
    {"role": "nobody-has-it"},
    {"role": "support", "status": "suspended"},
    {"role": "support", "status": "closed"},
    {"email": "user3@odd.example"},
    {"email": "USER3@ODD.example"},
    {"email": "user3@odd"},
    {"email": "no address"},
    {"email": "user3@odd.example", "role": "billing:read"},
    {"email": "user3@odd.example", "role": "support"},
    {"email": "user3@odd.example", "status": "active"},
    {"email": "user11@odd.example", "status": "active"},
    {"email": "user3@odd.example", "search": "kim"},
    {"email": "user3@odd.example", "search": "user4"},
    {"search": "kim"},
    {"search": "odd", "role": "billing:read"},
    {"search": "odd", "status": "suspended"},
    {"search": "user1", "status": "suspended", "role": "support"},
    {"search": "even", "email": "user10@even.example", "role": "support", "status": "suspended"},
    {"search": "kim", "status": "closed"},
]


@pytest.fixture
async def team(service: Service, boss: SignedIn) -> list[dict[str, Any]]:
    """Twelve users of every kind and the admin, newest first, as the wire shows them."""
    people = []
    for number in range(12):
        person = await make_person(
            service,
            boss.access_token,
            f"User{number}@{'even' if number % 2 == 0 else 'odd'}.example",
            display_name=f"Kim Nr{number}",
            roles=ROLES[number % 4],
        )
        if STANDINGS[number // 3] == "suspended":
            await service.post(f"/v1/users/{person.id}/suspend", token=boss.access_token, json={})
        people.append(person)
    await service.delete(f"/v1/users/{people[5].id}", token=boss.access_token)
    own = (await service.get("/v1/users/me", token=boss.access_token)).json()
    shown = [(await service.get(f"/v1/users/{person.id}", token=boss.access_token)).json() for person in people]
    return [*reversed(shown), own]


async def test_all_users_are_listed_newest_first(service: Service, boss: SignedIn, team: list[dict[str, Any]]) -> None:
    answer = await service.get("/v1/users", token=boss.access_token)

    assert answer.json() == {"items": team, "next_cursor": None}
    assert [user["created_at"] for user in team] == sorted((user["created_at"] for user in team), reverse=True)


@pytest.mark.parametrize("limit", [1, 4, 5, 12, 13, 100])
async def test_pages_of_any_size_show_everybody_once(
    service: Service, boss: SignedIn, team: list[dict[str, Any]], limit: int
) -> None:
    pages = await all_pages(service, boss, {"limit": limit})

    assert [user for page in pages for user in page] == team
    assert [len(page) for page in pages] == [limit] * (len(team) // limit) + [len(team) % limit] * (
        len(team) % limit > 0
    )


async def test_pages_hold_still_while_users_come_and_go(
    service: Service, boss: SignedIn, team: list[dict[str, Any]]
) -> None:
    seen, cursor, number = [], None, 0
    while number == 0 or cursor:
        page = await ask(service, boss, {"limit": 3, **({"cursor": cursor} if cursor else {})})
        seen += [user["id"] for user in page["items"]]
        cursor = page["next_cursor"]
        number += 1
        await make_person(service, boss.access_token, f"latecomer{number}@example.com", roles=["support"])
        await service.delete(f"/v1/users/{team[number - 1]['id']}", token=boss.access_token)

    assert seen == [user["id"] for user in team]


async def test_filters_are_combined(service: Service, boss: SignedIn, team: list[dict[str, Any]]) -> None:
    for question in QUESTIONS:
        wanted = {user["id"] for user in team if fits(user, question)}
        for limit in (1, 3, 100):
            pages = await all_pages(service, boss, {**question, "limit": limit})
            found = [user["id"] for page in pages for user in page]
            assert set(found) == wanted, question
            assert len(found) == len(wanted), question
            assert "search" in question or found == sorted(found, reverse=True), question


async def test_what_no_closed_user_can_have_is_not_looked_for(
    service: Service, boss: SignedIn, team: list[dict[str, Any]]
) -> None:
    before = (await read_metrics(service)).statements()["users.page"]
    for question in ({"search": "kim"}, {"role": "support"}, {"email": "user5@odd.example"}):
        assert await ask(service, boss, {**question, "status": "closed"}) == {"items": [], "next_cursor": None}
    between = (await read_metrics(service)).statements()["users.page"]
    closed = await ask(service, boss, {"status": "closed"})
    after = (await read_metrics(service)).statements()["users.page"]

    assert [user["id"] for user in closed["items"]] == [user["id"] for user in team if user["status"] == "closed"]
    assert (between, after) == (before, before + 1)


@pytest.mark.parametrize(
    "other", [{"role": "support"}, {"status": "suspended"}, {"search": "kim"}, {"email": "user1@odd.example"}, {}]
)
async def test_a_cursor_answers_the_question_it_was_given_for(
    service: Service, boss: SignedIn, team: list[dict[str, Any]], other: Question
) -> None:
    question: Question = {"status": "active", "limit": 2}
    first = await ask(service, boss, question)

    refused = await service.get(
        "/v1/users", params={**other, "limit": 2, "cursor": first["next_cursor"]}, token=boss.access_token
    )
    second = await ask(service, boss, {**question, "cursor": first["next_cursor"]})

    assert problem(refused) == (422, "cursor_malformed")
    active = [user for user in team if user["status"] == "active"]
    assert first["items"] + second["items"] == active[:4]


async def test_the_size_of_pages_may_change_on_the_way(
    service: Service, boss: SignedIn, team: list[dict[str, Any]]
) -> None:
    first = await ask(service, boss, {"limit": 2})
    rest = await ask(service, boss, {"limit": 100, "cursor": first["next_cursor"]})

    assert first["items"] + rest["items"] == team


@pytest.mark.parametrize(
    "cursor",
    ["garbage", "", "bnVsbA", "W10", "W251bGxd", "*" * 40, "\u00e9", "\0", "WyI", "A" * 1000],
)
async def test_a_cursor_that_nobody_gave_is_refused(service: Service, boss: SignedIn, cursor: str) -> None:
    answer = await service.get("/v1/users", params={"cursor": cursor}, token=boss.access_token)

    assert problem(answer) == (422, "cursor_malformed")


@pytest.mark.parametrize("question", [{}, {"search": "ki"}, {"role": "support"}], ids=str)
async def test_a_cursor_that_was_tampered_with_is_refused_or_answered_but_never_an_error(
    service: Service, boss: SignedIn, team: list[dict[str, Any]], question: Question
) -> None:
    genuine = (await ask(service, boss, {**question, "limit": 1}))["next_cursor"]
    mark = urlsafe_b64decode(genuine + "=" * (-len(genuine) % 4)).decode().split('"')[1]
    some_id = team[0]["id"]
    chance = random.Random(7)
    forged = [f'["{mark}","{user_id}","{term}"]' for user_id in (some_id, "1", "") for term in ("", "x", "\\u0000")]
    forged += [f'["{mark}","{some_id}"]', f'["{mark}",1,2]', f'["{mark}","{some_id}","","",""]', f'{{"{mark}":1}}']
    cursors = [urlsafe_b64encode(text.encode()).decode() for text in forged]
    cursors += ["".join(chance.sample(genuine, len(genuine))) for _ in range(10)]

    for cursor in cursors:
        answer = await service.get("/v1/users", params={**question, "cursor": cursor}, token=boss.access_token)
        assert answer.status_code == 200 or problem(answer) == (422, "cursor_malformed"), cursor


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": -1}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"limit": "9" * 30}, "limit"),
        ({"limit": ""}, "limit"),
        ({"status": "gone"}, "status"),
        ({"status": ""}, "status"),
        ({"role": "Admin"}, "role"),
        ({"role": "a" * 65}, "role"),
        ({"role": "x' OR 'a'='a"}, "role"),
        ({"role": "support\n"}, "role"),
        ({"search": "k"}, "search"),
        ({"search": ""}, "search"),
        ({"search": "k "}, "search"),
        ({"search": "   "}, "search"),
        ({"search": "x" * 101}, "search"),
        ({"search": "ki\0m"}, "search"),
        ({"email": "user1@odd.example\0"}, "email"),
        ({"cursor": "A" * 1001}, "cursor"),
        ({"page": 2}, "page"),
    ],
    ids=str,
)
async def test_a_question_that_makes_no_sense_is_refused_by_name(
    service: Service, boss: SignedIn, question: Question, field: str
) -> None:
    answer = await service.get("/v1/users", params=question, token=boss.access_token)

    assert problem(answer) == (422, "request_invalid")
    assert refused_fields(answer) == {field}


async def test_fifty_are_shown_unless_something_else_is_asked_for(service: Service, boss: SignedIn) -> None:
    for number in range(51):
        await make_person(service, boss.access_token, f"user{number}@example.com")

    usual = await ask(service, boss, {})
    more = await ask(service, boss, {"limit": 100})

    assert (len(usual["items"]), len(more["items"])) == (50, 52)
    assert usual["next_cursor"]
    assert more["next_cursor"] is None


async def test_the_list_shows_a_change_at_once(service: Service, ada: Person, boss: SignedIn) -> None:
    await service.put(f"/v1/users/{ada.id}/roles", token=boss.access_token, json={"roles": ["support"]})

    page = await ask(service, boss, {"role": "support"})

    assert [(user["id"], user["roles"]) for user in page["items"]] == [(ada.id, ["support"])]


def fits(user: dict[str, Any], question: Question) -> bool:
    """Say in Python what the question means."""
    email, name = (user["email"] or "").casefold(), (user["display_name"] or "").casefold()
    words = {email, name, *email.replace("@", " ").replace(".", " ").split(), *name.split()} - {""}
    return (
        ("status" not in question or user["status"] == question["status"])
        and ("role" not in question or question["role"] in user["roles"])
        and ("email" not in question or email == str(question["email"]).casefold())
        and ("search" not in question or any(word.startswith(str(question["search"])) for word in words))
    )


async def ask(service: Service, boss: SignedIn, question: Question) -> dict[str, Any]:
    answer = await service.get("/v1/users", params=question, token=boss.access_token)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


async def all_pages(service: Service, boss: SignedIn, question: Question) -> list[list[dict[str, Any]]]:
    """Follow the cursors to the end."""
    page = await ask(service, boss, question)
    pages = [page["items"]]
    while page["next_cursor"]:
        page = await ask(service, boss, {**question, "cursor": page["next_cursor"]})
        assert page["items"], "a cursor led to an empty page"
        pages.append(page["items"])
    return pages if pages != [[]] else []
