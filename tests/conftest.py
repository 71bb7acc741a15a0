"""Fixtures of the whole suite. The database is real; the app role has no more rights here than in production."""

import os
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.conf import settings as django_settings
from django.db import connections
from hypothesis import HealthCheck, settings

from tests import ground

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def pytest_configure(config: pytest.Config) -> None:
    django_settings.PASSWORD_HASHERS = HASHERS


def pytest_unconfigure(config: pytest.Config) -> None:
    connections.close_all()
    ground.drop(ground.session_database())


@pytest.fixture(scope="session")
def django_db_setup() -> None:
    """The database was cloned before the settings were read (`tests.ground`)."""


@pytest.fixture
def transactional_db() -> None:
    pytest.fail("use committed_db: a clone of its own, because nobody may truncate the evidence")


@pytest.fixture
def committed_db(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database of its own in which commits are real: for races, processes and faults. Yields its name."""
    if request.node.get_closest_marker("django_db"):
        pytest.fail("a test with committed_db must not be marked django_db: that one opens a transaction to roll back")
    django_db_blocker = request.getfixturevalue("django_db_blocker")
    name = f"committed_{os.getpid()}"
    ground.clone(name)
    connections.close_all()
    monkeypatch.setitem(connections.settings["default"], "NAME", name)
    monkeypatch.setenv("INTERLOCK_DB_NAME", name)
    with django_db_blocker.unblock():
        yield name
        connections.close_all()
    ground.drop(name)


@pytest.fixture
def in_scope() -> Callable[..., object]:
    """`with in_scope(tenant): …` enters the tenant's scope inside a transaction."""
    from contextlib import contextmanager

    from django.db import transaction

    from tenants import scope

    @contextmanager
    def enter(tenant: object) -> Iterator[None]:
        with scope.enter(getattr(tenant, "id", tenant)), transaction.atomic():
            yield

    return enter


@pytest.fixture
def elsewhere() -> Callable[..., object]:
    """`with elsewhere(tenant): …` leaves the scope that is entered and works in another tenant's."""
    from contextlib import contextmanager

    from tenants import scope

    @contextmanager
    def enter(tenant: object) -> Iterator[None]:
        here = scope._tenant.set(None)
        try:
            with scope.enter(getattr(tenant, "id", tenant)):
                yield
        finally:
            scope._tenant.reset(here)
            if connections["default"].in_atomic_block:
                scope.announce(connections["default"])

    return enter


@pytest.fixture
def actor_of() -> Callable[..., object]:
    from tenants.actors import Actor

    def make(user: object, tenant: object, **changes: object) -> Actor:
        fields = {"kind": user.kind, "id": user.id, "tenant_id": tenant.id, "label": user.label, "method": "session"}
        return Actor(**{**fields, **changes})

    return make


PASSWORD = "correct-horse-battery"


def build_world() -> SimpleNamespace:
    """Tenants A and B alike: alice administers, bob and carol approve, dana operates. Charlie is of B only."""
    from tenants import services
    from tenants.roles import Role

    def side(slug: str, people: dict[str, tuple[Role, ...]]) -> SimpleNamespace:
        made = services.create_tenant(slug=slug, name=slug.title(), workspace="itsm", keep_content=True)
        users = {}
        for name, roles in people.items():
            users[name] = services.create_user(username=f"{name}@{slug}.test", password=PASSWORD, name=name.title())
            for role in roles:
                _grant(made.tenant.id, made.workspace.id, users[name].id, role)
        return SimpleNamespace(
            tenant=made.tenant, workspace=made.workspace, environment=made.environments["prod"], **users
        )

    admin, approver, operator = (Role.ADMIN,), (Role.APPROVER,), (Role.OPERATOR,)
    a = side("a", {"alice": admin, "bob": approver, "carol": approver, "dana": operator})
    b = side("b", {"alice": admin, "bob": approver, "dana": operator, "charlie": (Role.ADMIN, Role.APPROVER)})
    return SimpleNamespace(a=a, b=b, charlie=b.charlie, password=PASSWORD)


def _grant(tenant_id: UUID, workspace_id: UUID, user_id: UUID, role: object) -> None:
    from tenants import scope, services
    from tenants.actors import Actor

    with scope.enter(tenant_id):
        installer = Actor.system(tenant_id, "installer")
        services.grant_role(user_id=user_id, role=role, workspace_id=workspace_id, actor=installer)


@pytest.fixture
def world(request: pytest.FixtureRequest) -> SimpleNamespace:
    """Two tenants with people. Committed when the test also asks for `committed_db`, rolled back otherwise."""
    if "committed_db" not in request.fixturenames:
        request.getfixturevalue("db")
    return build_world()


@pytest.fixture
def stand_ins() -> Iterator[object]:
    """The stand-in vendor servers on a free port; read their ledger, not our database."""
    from tests.stand_ins import running

    with running() as servers:
        yield servers
