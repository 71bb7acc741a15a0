"""The stream of a log over HTTP: sealed events only, the same bytes again, nothing for strangers."""

from collections.abc import Callable

from django.test import Client

from evidence import sequencing, services
from evidence.events import LogHeartbeat
from evidence.verify import note
from tenants.actors import Actor
from tests.integration.api.test_evidence import as_sequencer, headers, run  # noqa: F401 - fixtures
from tests.integration.api.test_evidence import pytestmark as pytestmark


def test_a_stream_is_read_in_batches_and_goes_on_where_it_ended(
    client: Client,
    world: object,
    run: object,  # noqa: F811 - a fixture
    headers: Callable,  # noqa: F811 - a fixture
    in_scope: Callable,
    as_sequencer: Callable,  # noqa: F811 - a fixture
) -> None:
    alice, path = headers(world.a, world.a.alice), f"/v1/logs/{world.a.workspace.id}/stream"
    first = client.get(f"{path}?limit=1", headers=alice)
    assert (first.status_code, first["Content-Type"]) == (200, "application/cloudevents-batch+json")
    assert [event["sequence"] for event in first.json()] == ["0"]
    following = int(first["Interlock-Next"])
    rest = client.get(f"{path}?from={following}&view=ocsf", headers=alice)
    assert rest.json()[0]["metadata"]["sequence"] == following == 1
    assert client.get(f"{path}?limit=1", headers=alice).content == first.content
    with in_scope(world.a.tenant):
        system = Actor.system(world.a.tenant.id, "test")
        services.record(LogHeartbeat(0), actor=system, workspace_id=world.a.workspace.id)
    end = int(rest["Interlock-Next"])
    assert client.get(f"{path}?from={end}", headers=alice).json() == []
    as_sequencer(sequencing.run_once)
    fresh = client.get(f"{path}?from={end}", headers=alice)
    assert [event["sequence"] for event in fresh.json()] == [str(end)]


def test_strangers_and_nonsense_are_refused(
    client: Client,
    world: object,
    run: object,  # noqa: F811 - a fixture
    headers: Callable,  # noqa: F811 - a fixture
) -> None:
    alice, charlie = headers(world.a, world.a.alice), headers(world.b, world.b.charlie)
    path = f"/v1/logs/{world.a.workspace.id}/stream"
    assert client.get(path, headers=charlie).status_code == 404
    for wrong in ("from=x", "limit=100000", "view=xml"):
        assert client.get(f"{path}?{wrong}", headers=alice).status_code == 422
    assert note.valid_origin(client.get(path, headers=alice).json()[0]["source"].removeprefix("//"))
