"""Django admin inside one tenant: mounted at `/o/<tenant>/admin/`, every save calls a verb.

Each app registers its models on `site` with `ReadOnlyAdmin` or `VerbAdmin`. What has no verb is read-only; nothing
is deleted here.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.admin.utils import flatten_fieldsets, unquote
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import reverse

from controlplane.lib.errors import DomainError, NotFound
from tenants import permissions, scope
from tenants.actors import Actor
from tenants.doors import signed_in
from tenants.http import SAFE_METHODS, ConsoleView
from tenants.roles import Perm

MOUNT = "/admin/"
ADMINISTRATION = frozenset({Perm.ADMIN, Perm.AUTHOR_POLICY, Perm.MANAGE_CONNECTORS, Perm.MANAGE_BUDGETS})


class TenantAdminSite(admin.AdminSite):
    """Reached through `TenantMount` only: without a tenant in the URL there is nothing here."""

    site_header = site_title = "Interlock administration"
    index_title = "Administration"
    site_url = "/"
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(ADMINISTRATION & held_by(request))

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        inner = super().admin_view(view, cacheable)

        def within_tenant(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            slug = getattr(request, "tenant_slug", None)
            if slug is None:
                raise Http404
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            with ExitStack() as stack:
                self._enter(request, slug, stack)
                return ConsoleView.rendered(inner(request, *args, **kwargs))

        return update_wrapper(within_tenant, view)

    def _enter(self, request: HttpRequest, slug: str, stack: ExitStack) -> None:
        """Actor, scope and permissions of the request; reads get their transaction, verbs open their own."""
        try:
            actor = signed_in(request.user, request.session, slug)  # type: ignore[arg-type]
        except NotFound as error:
            raise Http404 from error
        stack.enter_context(scope.enter(actor.tenant_id))
        with transaction.atomic():
            held = permissions.held_anywhere(actor)
        request.actor, request.held = actor, held  # type: ignore[attr-defined]
        if not self.has_permission(request):
            raise PermissionDenied("The administration needs a role that manages something, for example “admin”.")
        if request.method in SAFE_METHODS:
            stack.enter_context(transaction.atomic())


def held_by(request: HttpRequest) -> frozenset[Perm]:
    held: frozenset[Perm] = getattr(request, "held", frozenset())
    return held


if TYPE_CHECKING:  # only the stubs make ModelAdmin generic
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin


class ReadOnlyAdmin(_ModelAdmin):
    """Shows rows of the tenant to those who hold `perm`; changes nothing."""

    perm: ClassVar[Perm] = Perm.ADMIN
    actions = None
    list_per_page = 50
    show_full_result_count = False
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return self.perm in held_by(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        if request.method not in SAFE_METHODS:
            return HttpResponseNotAllowed(SAFE_METHODS)
        return super().changelist_view(request, extra_context)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        if request.method not in SAFE_METHODS:
            return self.submit(request, object_id)
        return super().changeform_view(request, object_id, form_url, extra_context)

    def submit(self, request: HttpRequest, object_id: str | None) -> Any:
        raise PermissionDenied("This is read-only.")

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        raise Http404

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        raise Http404


class VerbAdmin(ReadOnlyAdmin):
    """An admin whose every save is a verb of the app's services.

    Override `create` and `change` (either or both) with a call of one verb, and name further verbs on a row in
    `verbs`: label → method(row=…, actor=…). Django saves nothing itself.
    """

    change_form_template = "admin/verb_form.html"
    verbs: ClassVar[Mapping[str, str]] = {}

    def create(self, *, cleaned: dict[str, Any], actor: Actor) -> object:
        """Call the verb that makes one. Cleaned form values in; a DomainError becomes the form's error."""
        raise PermissionDenied("Nothing is added here.")

    def change(self, *, row: Any, cleaned: dict[str, Any], actor: Actor) -> object:
        """Call the verb that changes `row`, which still has its stored values."""
        raise PermissionDenied("Nothing is changed here.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return type(self).create is not VerbAdmin.create and self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return type(self).change is not VerbAdmin.change and self.has_view_permission(request, obj)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        return super().render_change_form(request, {**context, "verbs": self.verbs}, *args, **kwargs)

    def submit(self, request: HttpRequest, object_id: str | None) -> Any:
        with transaction.atomic():
            row = self._row(request, object_id)
            form = self._form(request, object_id)
            chosen = self.verbs.get(request.POST.get("_verb", "")) if row is not None else None
            ready = chosen is not None or form.is_valid()
        if ready:
            try:
                made = self._do(request, row, form, chosen)
            except DomainError as refusal:
                self._refuse(request, form, refusal)
            else:
                messages.success(request, f"{str(self.opts.verbose_name).capitalize()} saved.")
                return HttpResponseRedirect(self.landing(made))
        with transaction.atomic():
            return ConsoleView.rendered(self._again(request, form, row))

    def landing(self, made: object) -> str:
        """Where a verb leads to; `made` is what it returned."""
        return reverse(f"{self.admin_site.name}:{self._page('changelist')}")

    def _do(self, request: HttpRequest, row: Any, form: "ModelForm[Any]", chosen: str | None) -> object:
        actor: Actor = request.actor  # type: ignore[attr-defined]
        if chosen is not None:
            return getattr(self, chosen)(row=row, actor=actor)
        if row is None:
            return self.create(cleaned=form.cleaned_data, actor=actor)
        return self.change(row=row, cleaned=form.cleaned_data, actor=actor)

    @staticmethod
    def _refuse(request: HttpRequest, form: "ModelForm[Any]", refusal: DomainError) -> None:
        """Beside the form's fields if there is a bound one, as a message for a verb that takes no fields."""
        if form.is_bound and form.is_valid():
            form.add_error(None, refusal.detail)
        else:
            messages.error(request, refusal.detail)

    def _row(self, request: HttpRequest, object_id: str | None) -> Any:
        allowed = self.has_view_permission(request) if object_id else self.has_add_permission(request)
        if not allowed:
            raise PermissionDenied
        if object_id is None:
            return None
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        return row

    def _form(self, request: HttpRequest, object_id: str | None) -> "ModelForm[Any]":
        """Bound to a second copy of the row: validation writes into its instance, verbs get the stored one."""
        copy = self._row(request, object_id)
        made: ModelForm[Any] = self.get_form(request, copy, change=copy is not None)(
            request.POST, request.FILES, instance=copy
        )
        return made

    def _again(self, request: HttpRequest, form: "ModelForm[Any]", row: Any) -> Any:
        fieldsets: list[Any] = list(self.get_fieldsets(request, row))
        only_read = row is not None and not self.has_change_permission(request, row)
        readonly = flatten_fieldsets(fieldsets) if only_read else self.get_readonly_fields(request, row)
        shown = helpers.AdminForm(form, fieldsets, {}, readonly, model_admin=self)
        context = {
            **self.admin_site.each_context(request),
            "title": f"{'Change' if row else 'Add'} {self.opts.verbose_name}",
            "adminform": shown,
            "original": row,
            "object_id": getattr(row, "pk", None),
            "media": self.media + shown.media,
            "inline_admin_formsets": [],
            "errors": helpers.AdminErrorList(form, []),
        }
        return self.render_change_form(request, context, add=row is None, change=row is not None, obj=row)

    def _page(self, kind: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{kind}"


site = TenantAdminSite(name="admin")
