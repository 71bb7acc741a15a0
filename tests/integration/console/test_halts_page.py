"""The kill switch page: two steps to stop, two people to go on."""

from types import SimpleNamespace

STOP = {"kind": "tenant", "value": "", "mode": "freeze", "reason": "wrong writes"}


def test_the_first_step_stops_nothing(signed_in, world: SimpleNamespace) -> None:
    page = signed_in(world.a.bob).post("/o/a/halts/check/", STOP)
    assert "Stop now" in page.content.decode()
    assert "Writes are allowed" in signed_in(world.a.bob).get("/o/a/halts/").content.decode()


def test_stopping_shows_on_every_page_and_takes_two_people_to_release(signed_in, world: SimpleNamespace) -> None:
    bob, carol = signed_in(world.a.bob), signed_in(world.a.carol)
    assert bob.post("/o/a/halts/", STOP).status_code == 302
    page = carol.get("/o/a/halts/")
    assert "KILL SWITCH ON" in page.content.decode()
    halt = page.context["active"][0]
    assert bob.post(f"/o/a/halts/{halt.id}/request-release/", {"reason": "fixed"}).status_code == 302
    assert bob.post(f"/o/a/halts/{halt.id}/release/").status_code == 403
    assert carol.post(f"/o/a/halts/{halt.id}/release/").status_code == 302
    assert "KILL SWITCH ON" not in carol.get("/o/a/halts/").content.decode()


def test_a_halt_without_a_reason_is_refused_with_a_sentence(signed_in, world: SimpleNamespace) -> None:
    page = signed_in(world.a.bob).post("/o/a/halts/", {**STOP, "reason": ""})
    assert page.status_code == 422
    assert "required" in page.content.decode()


def test_a_stranger_finds_nothing_and_stops_nothing(signed_in, world: SimpleNamespace) -> None:
    assert signed_in(world.charlie).get("/o/a/halts/").status_code == 404
    assert signed_in(world.charlie).post("/o/a/halts/", STOP).status_code == 404
    assert "KILL SWITCH ON" not in signed_in(world.a.bob).get("/o/a/halts/").content.decode()
