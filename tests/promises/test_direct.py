"""Statements without SQLAlchemy in the way: their parameters are what they would be with it."""

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from service.sessions.records import START
from service.storage.direct import Rendering
from service.users import listing_records
from service.users.records import FIND

PARAMETERS = ("event_kind", "event_address", "event_request_id", "age", "idle", "id", "device", "address", "user_id")


@pytest.fixture
def rendering() -> Rendering:
    return Rendering(create_async_engine("postgresql+asyncpg://").dialect)


def test_a_parameter_that_is_missing_is_a_mistake_and_not_null(rendering: Rendering) -> None:
    rendered = rendering.render(FIND, "users.find", {"user_id": "given"})

    assert rendered.values({"user_id": "given"}) == ["given"]
    with pytest.raises(KeyError):
        rendered.values({})


def test_what_stands_in_the_statement_and_what_a_type_converts_is_there(rendering: Rendering) -> None:
    given = {**dict.fromkeys(PARAMETERS, "given"), "event_details": {"sessions": 1}, "password_version": 1}

    values = rendering.render(START, "sessions.start", given).values(given)

    assert values.count("given") == len(PARAMETERS)
    assert '{"sessions": 1}' in values
    assert "active" in values


def test_a_value_that_is_written_into_the_text_makes_another_text(rendering: Rendering) -> None:
    page = listing_records._page(False, False, False, False, False)

    texts = [rendering.render(page, "users.page", {"size": size}).sql for size in (10, 20)]

    assert "LIMIT 10" in texts[0]
    assert "LIMIT 20" in texts[1]
