"""DELETE /v1/sessions/{id}."""

from tests.kit.people import Person, problem
from tests.kit.services import Service
from tests.kit.waiting import eventually


async def test_an_ended_session_is_refused_on_every_replica(replicas: tuple[Service, Service], ada: Person) -> None:
    phone, laptop = await ada.sign_in("phone"), await ada.sign_in("laptop")

    answer = await replicas[0].delete(f"/v1/sessions/{phone.session_id}", token=laptop.access_token)

    assert answer.status_code == 204
    await eventually(replicas[1].refuses, phone.access_token, within=1.0)
    assert await replicas[1].accepts(laptop.access_token)


async def test_somebody_elses_session_is_not_found_and_goes_on(service: Service, ada: Person, eve: Person) -> None:
    phone, intruder = await ada.sign_in("phone"), await eve.sign_in("eve's")

    answer = await service.delete(f"/v1/sessions/{phone.session_id}", token=intruder.access_token)

    assert problem(answer) == (404, "session_not_found")
    assert await service.accepts(phone.access_token)
