"""The kill switch page: two steps to stop, two people to go on."""

from types import SimpleNamespace

from tests.integration.connectors.conftest import bare, ready, running_stand_ins, vendors  # noqa: F401 - fixtures
from tests.running import stopped_run

STOP = {"kind": "tenant", "value": "", "mode": "freeze", "reason": "wrong writes"}


def test_the_first_step_stops_nothing(signed_in, world: SimpleNamespace) -> None:
    page = signed_in(world.a.bob).post("/o/a/halts/check/", STOP)
    assert "Stop now" in page.content.decode()
    assert "Writes are allowed" in signed_in(world.a.bob).get("/o/a/halts/").content.decode()


def test_the_first_step_says_how_much_it_covers(signed_in, world: SimpleNamespace) -> None:
    stopped_run(world, state="WAITING")
    bob = signed_in(world.a.bob)
    named = {**STOP, "kind": "workflow"}
    assert "1 open run" in bob.post("/o/a/halts/check/", {**named, "value": "itsm-triage"}).content.decode()
    assert "check the name" in bob.post("/o/a/halts/check/", {**named, "value": "itsm-traige"}).content.decode()


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


def test_a_drill_is_run_and_shown_with_its_age(signed_in, ready) -> None:  # noqa: F811
    bob = signed_in(ready.bob)
    assert "Never rehearsed" in bob.get("/o/a/halts/").content.decode()
    assert bob.post("/o/a/halts/drill/", {"environment": str(ready.environment.id)}).status_code == 302
    page = bob.get("/o/a/halts/")
    assert [drill.passed for drill in page.context["drills"]] == [True]
    assert "The last drill passed" in page.content.decode()
    assert "KILL SWITCH ON" not in page.content.decode()


def test_a_rule_is_set_by_an_administrator_and_switched(signed_in, world: SimpleNamespace) -> None:
    rule = {"name": "errors", "kind": "error_rate", "watch_kind": "connector", "threshold": 50, "window_s": 300}
    rule |= {"minimum": 10, "reach": "measured", "mode": "freeze"}
    assert signed_in(world.a.dana).post("/o/a/halts/rule/", rule).status_code == 403
    alice = signed_in(world.a.alice)
    assert alice.post("/o/a/halts/rule/", {**rule, "window_s": 1}).status_code == 422
    assert alice.post("/o/a/halts/rule/", rule).status_code == 302
    [kept] = alice.get("/o/a/halts/").context["triggers"]
    assert alice.post(f"/o/a/halts/triggers/{kept.id}/", {"enabled": "0"}).status_code == 302
    assert alice.get("/o/a/halts/").context["triggers"][0].enabled is False
