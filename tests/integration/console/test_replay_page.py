"""A run on screen, event by event, and its record played again from there."""

from types import SimpleNamespace
from typing import Any

from django.test import Client

from tests.running import stopped_run


def page(client: Client, world: SimpleNamespace, person: Any, query: str = "") -> Any:
    run = stopped_run(world)
    client.force_login(person)
    return run, client.get(f"/o/a/runs/{run.id}/replay/{query}")


def test_any_place_that_is_asked_for_shows_a_moment(client: Client, world: SimpleNamespace) -> None:
    for query in ("", "?at=99999999", "?at=x", "?at=1&play=1"):
        _, answer = page(client, world, world.a.alice, query)
        assert answer.status_code == 200
        assert "Replay, event by event" in answer.content.decode()


def test_who_may_not_export_is_told_and_refused(client: Client, world: SimpleNamespace) -> None:
    run, answer = page(client, world, world.a.dana)
    assert "You cannot play the record" in answer.content.decode()
    assert client.post(f"/o/a/runs/{run.id}/replay/", {"level": "R1"}).status_code == 404


def test_a_stranger_finds_no_replay(client: Client, world: SimpleNamespace) -> None:
    _, answer = page(client, world, world.charlie)
    assert answer.status_code == 404
