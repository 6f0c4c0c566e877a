"""Which passwords a new user may have, and that composition makes no difference."""

import pytest

from tests.kit.accounts import refused_fields
from tests.kit.people import Person, problem
from tests.kit.services import Service

EMAIL = "ada@example.com"
COMPOSED, DECOMPOSED = "caf\u00e9 \u00e0 la carte", "cafe\u0301 a\u0300 la carte"


@pytest.mark.parametrize(
    "password",
    ["7 chars", "x" * 257, "e\u0301" * 7, "password", "PassWord", "iloveyou1", "qwertyuiop", "long enough\0", ""],
)
async def test_a_short_long_or_common_password_is_refused(service: Service, password: str) -> None:
    answer = await service.post("/v1/users", json={"email": EMAIL, "password": password})

    assert problem(answer) == (422, "password_unacceptable")
    assert refused_fields(answer) == {"/password"}


@pytest.mark.parametrize(
    "password", ["8 chars.", "x" * 256, "e\u0301" * 256, "\u00e9" * 8, "p\u00e4ssword", "        ", "🐎🔋📎🐎🔋📎🐎🔋"]
)
async def test_any_other_password_lets_its_owner_in(service: Service, password: str) -> None:
    answer = await service.post("/v1/users", json={"email": EMAIL, "password": password})

    assert answer.status_code == 201, answer.text
    assert (await Person(service, EMAIL, password).sign_in()).access_token


@pytest.mark.parametrize(("chosen", "typed"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
async def test_a_password_typed_in_another_composition_is_the_same(service: Service, chosen: str, typed: str) -> None:
    await service.post("/v1/users", json={"email": EMAIL, "password": chosen})

    assert (await Person(service, EMAIL, typed).sign_in()).access_token


@pytest.mark.parametrize(
    "typed", ["CORRECT HORSE", "correct horse ", " correct horse", "correct hors", "\uff43orrect horse"]
)
async def test_a_password_that_only_looks_alike_is_wrong(service: Service, typed: str) -> None:
    await service.post("/v1/users", json={"email": EMAIL, "password": "correct horse"})

    answer = await service.post("/v1/sessions", json={"email": EMAIL, "password": typed})

    assert problem(answer) == (401, "credentials_wrong")
    assert (await Person(service, EMAIL, "correct horse").sign_in()).access_token


async def test_a_password_without_text_in_it_is_refused(service: Service) -> None:
    body = b'{"email": "ada@example.com", "password": "long enough\\ud800"}'
    answer = await service.post("/v1/users", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 422
    assert refused_fields(answer) == {"/password"}


async def test_the_refusal_does_not_repeat_the_password(service: Service) -> None:
    for password in ("secret7", "x" * 2000):
        answer = await service.post("/v1/users", json={"email": EMAIL, "password": password})
        assert answer.status_code == 422
        assert password[:7] not in answer.text
