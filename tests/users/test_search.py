"""GET /v1/users?search=: by the beginning of any word of address or name, each user once, in order of the word."""

from typing import Any

from tests.kit.accounts import make_person
from tests.kit.people import SignedIn
from tests.kit.services import Service

LONG = f"{'long' * 16}@{'far' * 20}.{'away' * 15}.ending.example"
PEOPLE = {
    "ada.lovelace@analytical.example": "Ada King, Countess of Lovelace",
    "grace_hopper+navy@cobol.example": "Rear Admiral Grace Hopper",
    "Alan@Enigma.example": "ALAN Turing",
    "jose@example.com": "José Ángel Núñez-Pérez",
    "strasse@example.com": "Große Straße",
    "hindi@example.com": "हिन्दी भाषा",
    "han@example.com": "小林 さくら",
    "odd@example.com": "100% _sure_ O'Brien \\o/",
    "spaces@example.com": "  Two   Spaces ",
    "nameless@example.com": None,
    LONG: "x" * 120 + " Finale",
}
FOUND: dict[str, set[str]] = {
    "lovelace": {"ada.lovelace@analytical.example"},
    "LOVE": {"ada.lovelace@analytical.example"},
    "countess": {"ada.lovelace@analytical.example"},
    "analytical": {"ada.lovelace@analytical.example"},
    "ada.love": {"ada.lovelace@analytical.example"},
    "ada king, c": {"ada.lovelace@analytical.example"},
    "ada.lovelace@analytical.example": {"ada.lovelace@analytical.example"},
    "ovelace": set(),
    "king countess": set(),
    "hopper": {"grace_hopper+navy@cobol.example"},
    "grace": {"grace_hopper+navy@cobol.example"},
    "navy": {"grace_hopper+navy@cobol.example"},
    "alan": {"Alan@Enigma.example"},
    "alan@enigma": {"Alan@Enigma.example"},
    "tur": {"Alan@Enigma.example"},
    "josé": {"jose@example.com"},
    "jose\u0301": {"jose@example.com"},
    "NÚÑEZ": {"jose@example.com"},
    "pérez": {"jose@example.com"},
    "STRASSE": {"strasse@example.com"},
    "große": {"strasse@example.com"},
    "GROSSE": {"strasse@example.com"},
    "हिन्दी": {"hindi@example.com"},
    "भाषा": {"hindi@example.com"},
    "小林": {"han@example.com"},
    "さく": {"han@example.com"},
    "100": {"odd@example.com"},
    "100%": {"odd@example.com"},
    "sure": {"odd@example.com"},
    "brien": {"odd@example.com"},
    "%%": set(),
    "__": set(),
    "a%": set(),
    "al_n": set(),
    "two spaces": {"spaces@example.com"},
    " two  spaces ": {"spaces@example.com"},
    "nameless": {"nameless@example.com"},
    "none": set(),
    "ending": {LONG},
    "finale": {LONG},
    "x" * 100: {LONG},
    "' OR 1=1 --": set(),
    "\U0010ffff\U0010ffff": set(),
}


async def test_a_user_is_found_by_the_beginning_of_any_word(service: Service, boss: SignedIn) -> None:
    for email, name in PEOPLE.items():
        await make_person(service, boss.access_token, email, display_name=name)

    found = {search: {user["email"] for user in await search_all(service, boss, search)} for search in FOUND}

    assert found == FOUND


async def test_a_user_with_several_fitting_words_is_shown_once_at_the_first_of_them(
    service: Service, boss: SignedIn
) -> None:
    names = {
        "z@example.com": "Anna Banana",
        "annika@example.com": "Bert Anson",
        "b@example.com": "Ann",
        "anselm@example.com": "Anselm Annas",
    }
    for email, name in names.items():
        await make_person(service, boss.access_token, email, display_name=name)

    for limit in (1, 2, 3, 100):
        found = await search_all(service, boss, "an", limit)
        # ann < anna < annas < annika < annika@... < anselm < anselm annas < anson
        assert [user["email"] for user in found] == [
            "b@example.com",
            "z@example.com",
            "anselm@example.com",
            "annika@example.com",
        ]


async def test_users_of_the_same_word_follow_each_other_by_id(service: Service, boss: SignedIn) -> None:
    people = [
        await make_person(service, boss.access_token, f"user{9 - number}@example.com", display_name="Kim")
        for number in range(10)
    ]

    for limit in (1, 3, 100):
        found = await search_all(service, boss, "kim", limit)
        assert [user["id"] for user in found] == sorted(person.id for person in people)


async def test_a_page_of_a_search_holds_still_while_users_come(service: Service, boss: SignedIn) -> None:
    people = [
        await make_person(service, boss.access_token, f"user{number}@example.com", display_name=f"Kim{number} Kimono")
        for number in range(4)
    ]
    first = await page(service, boss, {"search": "kim", "limit": 2})
    newcomer = await make_person(service, boss.access_token, "early@example.com", display_name="Kim Aardvark")
    second = await page(service, boss, {"search": "kim", "limit": 2, "cursor": first["next_cursor"]})
    afresh = await page(service, boss, {"search": "kim"})

    assert [user["id"] for user in first["items"] + second["items"]] == [person.id for person in people]
    assert second["next_cursor"] is None
    assert afresh["items"][0]["id"] == newcomer.id


async def search_all(service: Service, boss: SignedIn, search: str, limit: int = 100) -> list[dict[str, Any]]:
    """Follow the cursors to the end."""
    shown = await page(service, boss, {"search": search, "limit": limit})
    found: list[dict[str, Any]] = shown["items"]
    while shown["next_cursor"]:
        shown = await page(service, boss, {"search": search, "limit": limit, "cursor": shown["next_cursor"]})
        found += shown["items"]
    return found


async def page(service: Service, boss: SignedIn, question: dict[str, str | int]) -> dict[str, Any]:
    answer = await service.get("/v1/users", params=question, token=boss.access_token)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown
