"""Django's admin lives below a tenant, for those who administer it."""

from types import SimpleNamespace

from django.test import Client


def test_the_admin_keeps_the_tenant_in_its_addresses(signed_in, world: SimpleNamespace) -> None:
    page = signed_in(world.a.alice).get("/o/a/admin/")
    assert page.status_code == 200
    assert 'href="/o/a/admin/' in page.content.decode()


def test_without_a_tenant_there_is_no_admin(signed_in, world: SimpleNamespace) -> None:
    assert signed_in(world.a.alice).get("/admin/").status_code == 404


def test_a_stranger_gets_404_and_a_member_without_a_role_403(signed_in, world: SimpleNamespace) -> None:
    assert signed_in(world.charlie).get("/o/a/admin/").status_code == 404
    assert signed_in(world.a.dana).get("/o/a/admin/").status_code == 403


def test_without_a_session_the_admin_asks_to_sign_in(committed_db: str, world: SimpleNamespace) -> None:
    assert Client().get("/o/a/admin/").headers["Location"] == "/login/?next=/o/a/admin/"
