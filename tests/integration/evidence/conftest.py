import base64
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connections

from controlplane.database import role_name
from controlplane.lib.ids import uuid7
from evidence import sequencing, trust
from evidence.verify.trust import parse
from evidence.verify.witness import Witness, serve
from tests import ground, tsa
from tests.integration.evidence.house import House


@pytest.fixture
def as_sequencer(committed_db: str) -> Callable[..., Any]:
    """Runs rounds of the sequencer, or something else of it, in its own database role."""
    settings = connections.settings["default"]
    app = {name: settings[name] for name in ("USER", "PASSWORD")}

    def run(verb: Callable[[], Any] = sequencing.run_once) -> Any:
        connections.close_all()
        settings.update(USER=role_name("sequencer"), PASSWORD=ground.LOCATOR.password("sequencer"))
        try:
            return verb()
        finally:
            connections.close_all()
            settings.update(app)

    return run


@pytest.fixture
def house(
    world: SimpleNamespace, in_scope: Callable, actor_of: Callable, as_sequencer: Callable, settings, tmp_path: Path
) -> House:
    alice = actor_of(world.a.alice, world.a.tenant)
    made = House(
        tenant=world.a.tenant.id,
        log=world.a.workspace.id,
        run=uuid7(),
        alice=alice,
        in_scope=in_scope,
        as_sequencer=as_sequencer,
        settings=settings,
        folder=tmp_path,
    )
    made.record("one", "two")
    return made


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[tsa.Authority]:
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl here")
    (tmp_path / "tsa").mkdir()
    with tsa.running(tmp_path / "tsa") as running:
        yield running


@pytest.fixture
def witness(house: House, tmp_path: Path) -> Iterator[SimpleNamespace]:
    """A witness that knows the trust file of the tenant, over real HTTP."""
    made = Witness("witness.test", tmp_path / "witness", parse(json.dumps(trust.export(house.tenant)).encode()))
    server = serve(made, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    public = base64.b64encode(made.public).decode()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    yield SimpleNamespace(entry={"name": made.name, "url": url, "public": public}, itself=made)
    server.shutdown()
    server.server_close()
    thread.join()
