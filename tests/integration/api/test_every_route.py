"""Every route of `/v1`, taken from the routes themselves: nobody gets in without credentials, every refusal is a
problem document, what is not there is 404 for everyone alike. A new route is covered by existing."""

import re
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from controlplane.api import urls
from controlplane.lib import ids

PUBLIC = {"openapi", "schemas", "schema"}
METHODS = ("get", "post")


def _path(route: str) -> str:
    """The route with a made-up id for each parameter."""
    filled = re.sub(r"<uuid:\w+>", str(ids.uuid7()), route)
    return "/v1/" + re.sub(r"<\w+:\w+>", "nothing", filled)


def _operations() -> Iterator[tuple[str, str, str]]:
    for pattern in urls.urlpatterns:
        for method in METHODS:
            if hasattr(pattern.callback.view_class, method):
                yield str(pattern.name), method, str(pattern.pattern)


OPERATIONS = sorted(_operations())
CLOSED = [operation for operation in OPERATIONS if operation[0] not in PUBLIC]
SHOWN = [operation for operation in OPERATIONS if operation[0] != "openapi"]
NAMED = [operation for operation in CLOSED if "<" in operation[2]]


def _problem(answer: Any, *statuses: int) -> None:
    assert (answer.status_code in statuses, answer["Content-Type"]) == (True, "application/problem+json"), answer
    body = answer.json()
    assert {"type", "title", "status", "code"} <= set(body)
    assert body["status"] == answer.status_code


def test_there_are_routes() -> None:
    assert len(CLOSED) > 30


def test_without_credentials_no_route_answers(client: Client, db: None) -> None:
    for _, method, route in CLOSED:
        _problem(client.generic(method.upper(), _path(route), "{}", content_type="application/json"), 401)


def test_what_is_not_there_is_404(client: Client, world: SimpleNamespace, token: Callable[..., Any]) -> None:
    """With every permission and a body that names nothing: the id alone decides, or the body is refused first."""
    headers = token(world.a.alice)
    for _, method, route in NAMED:
        answer = client.generic(method.upper(), _path(route), "{}", content_type="application/json", headers=headers)
        if (answer.status_code, method) == (200, "get"):
            assert answer.json()["results"] == [], route
        else:
            _problem(answer, *((404,) if method == "get" else (400, 404, 409)))


def test_a_method_that_a_route_does_not_have_is_405(
    client: Client, world: SimpleNamespace, token: Callable[..., Any]
) -> None:
    headers = token(world.a.alice)
    for _, _, route in CLOSED:
        _problem(client.delete(_path(route), headers=headers), *((404, 405) if "<" in route else (405,)))


def test_a_body_that_is_no_json_or_too_much_of_it_is_refused(
    client: Client, world: SimpleNamespace, token: Callable[..., Any], settings: Any
) -> None:
    headers = token(world.a.alice)
    for body, kind, status in (("{", "application/json", 400), ("a=b", "application/x-www-form-urlencoded", 415)):
        _problem(client.post("/v1/budgets", body, content_type=kind, headers=headers), status)
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    _problem(client.post("/v1/budgets", '{"kind": "tenant"}', content_type="application/json", headers=headers), 413)


def test_another_host_is_refused_with_a_problem(db: None) -> None:
    _problem(Client(raise_request_exception=False).get("/v1/me", headers={"host": "elsewhere.test"}), 400)


def test_a_failure_on_our_side_says_nothing_of_the_inside(
    world: SimpleNamespace, token: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from metering import access

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(access, "cost_page", broken)
    answer = Client(raise_request_exception=False).get("/v1/costs", headers=token(world.a.alice))
    _problem(answer, 500)
    assert "secret" not in answer.content.decode()


def test_the_schema_describes_every_operation(client: Client, db: None) -> None:
    paths = client.get("/v1/openapi.json", headers={"Accept": "application/json"}).json()["paths"]
    described = {(path, method) for path, operations in paths.items() for method in METHODS if method in operations}
    expected = {
        ("/v1/" + re.sub(r"<\w+:(\w+)>", r"{\1}", route), method)
        for name, method, route in OPERATIONS
        if name != "openapi"
    }
    assert described == expected
    for operations in paths.values():
        for method in METHODS:
            if method in operations:
                assert "application/problem+json" in operations[method]["responses"]["default"]["content"]
