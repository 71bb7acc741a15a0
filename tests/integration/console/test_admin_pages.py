"""Every list and every form of the administration opens, for every model that a room registered."""

from types import SimpleNamespace

from tenants.admin_base import VerbAdmin, site

FORBIDDEN, OK = 403, 200


def test_every_list_opens_and_forms_only_where_a_verb_makes_one(signed_in, world: SimpleNamespace) -> None:
    alice = signed_in(world.a.alice)
    wrong = {}
    for model, admin in site._registry.items():
        makes = isinstance(admin, VerbAdmin) and type(admin).create is not VerbAdmin.create
        base = f"/o/a/admin/{model._meta.app_label}/{model._meta.model_name}/"
        for page, expected in ((base, OK), (f"{base}add/", OK if makes else FORBIDDEN)):
            status = alice.get(page).status_code
            if status != expected:
                wrong[page] = status
    assert wrong == {}


def test_what_has_no_verb_takes_no_post(signed_in, world: SimpleNamespace) -> None:
    alice = signed_in(world.a.alice)
    assert alice.post("/o/a/admin/approvals/vote/add/", {}).status_code == 403
    assert alice.post("/o/a/admin/approvals/vote/", {"action": "delete_selected"}).status_code == 405
