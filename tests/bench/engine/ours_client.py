"""`python -m tests.bench.engine.ours_client prepare | noop | http`: founds the tenant; or hands in work."""

import copy
import itertools
import os
import sys
import uuid
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import django

HERE = Path(__file__).resolve().parent
PLENTY = 1_000_000


def main() -> None:
    django.setup()
    verb = sys.argv[1]
    if verb == "prepare":
        _prepare()
    else:
        _serve(f"bench-{verb}")


def _prepare() -> None:
    from tenants import scope

    side, alice = _found()
    _tenant_file().write_text(str(side.tenant.id))
    with scope.enter(side.tenant.id):
        _furnish(side, alice)


def _tenant_file() -> Path:
    """Row security hides the table of tenants from who does not know an id."""
    return Path(os.environ["INTERLOCK_DATA_DIR"]) / "bench-tenant"


def _install() -> None:
    """The built-in manifests without their rate limits: what the vendors allow is not what is measured."""
    from connectors.manifests import store
    from connectors.manifests.document import builtin_documents

    for document in builtin_documents():
        fast = copy.deepcopy(document)
        for tool in fast["tools"]:
            tool["per_minute"] = PLENTY
        store().publish(fast)


def _found() -> tuple[SimpleNamespace, object]:
    from tenants import scope, services
    from tenants.actors import Actor
    from tenants.roles import Role

    made = services.create_tenant(slug="bench", name="Bench", workspace="itsm", keep_content=True)
    alice = services.create_user(username="alice", password=None, name="Alice")
    installer = Actor.system(made.tenant.id, "installer")
    with scope.enter(made.tenant.id):
        services.grant_role(user_id=alice.pk, role=Role.ADMIN, workspace_id=made.workspace.pk, actor=installer)
    side = SimpleNamespace(tenant=made.tenant, workspace=made.workspace, environment=made.environments["prod"])
    return side, Actor("human", alice.id, made.tenant.id, "Alice", "session")


def _furnish(side: SimpleNamespace, alice: object) -> None:
    from policies import packs
    from tests import gateway_ground as ground
    from tests import policy_ground
    from workflows import services

    stand_ins = SimpleNamespace(url=os.environ["BENCH_VENDORS"])
    ground.furnish(side, stand_ins, alice, install=_install)
    pack = packs.PackSource(source=(HERE / "bench.rego").read_text(), tests="")
    policy_ground.activate_packs(
        environment_id=side.environment.id, packs={"bench": pack}, actor=alice, reason="bench", ttl_s=None
    )
    for path in sorted(HERE.glob("*.yaml")):
        services.publish_version(workspace_id=side.workspace.id, source=path.read_text(), actor=alice)


def _serve(workflow: str) -> None:
    """A number per line: so many runs, visible by one commit."""
    from tenants import scope

    tenant_id = uuid.UUID(_tenant_file().read_text())
    with scope.enter(tenant_id):
        start = _starter(workflow, tenant_id)
        for line in sys.stdin:
            moment = start(int(line))
            sys.stdout.write(f"done {moment.isoformat()}\n")
            sys.stdout.flush()


def _starter(workflow: str, tenant_id: uuid.UUID):
    from django.db import transaction

    from controlplane.lib import clock
    from tenants.actors import Actor
    from tenants.models import Environment, User
    from workflows.starting import Order, begin_many

    with transaction.atomic():
        environment_id = Environment.objects.get(slug="prod").pk
    alice = User.objects.get(username="alice")
    actor = Actor("human", alice.pk, tenant_id, "Alice", "session")
    sys_ids = itertools.cycle(os.environ.get("BENCH_INCIDENTS", "").split() or [""])

    def order() -> Order:
        key, now = f"bench:{uuid.uuid4()}", clock.now()
        return Order(
            workflow=workflow,
            environment_id=environment_id,
            trigger={"sys_id": next(sys_ids)},
            starter=actor,
            key=key,
            received_at=now,
        )

    def start(count: int) -> datetime:
        with transaction.atomic():
            begin_many([order() for _ in range(count)])
            return datetime.now().astimezone()

    return start


if __name__ == "__main__":
    main()
