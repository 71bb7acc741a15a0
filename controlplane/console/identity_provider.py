"""Where the people of the organisation sign in: its own identity provider."""

from typing import Any

from django.contrib import messages
from django.forms.models import model_to_dict
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from controlplane.console.pages import Page
from controlplane.console.people_forms import ProviderForm
from tenants import sso, vault


class IdentityProvider(Page):
    template_name = "console/identity_provider.html"
    here = "people"

    def context(self) -> dict[str, Any]:
        row = sso.provider(self.actor)
        return {
            "provider": row,
            "form": ProviderForm(self.request.POST or None, initial=model_to_dict(row) if row else {"enabled": True}),
            "callback": self._callback(),
        }

    def act(self, request: HttpRequest) -> HttpResponseBase:
        chosen = ProviderForm(request.POST).checked()
        secret = chosen.pop("client_secret")
        if secret:
            vault.store(name=sso.CREDENTIAL, secret=secret.encode(), actor=self.actor)
        sso.set_provider(**chosen, actor=self.actor)
        messages.success(request, "Saved. It holds from the next sign-in on.")
        return self.to("identity-provider")

    def _callback(self) -> str:
        return self.request.build_absolute_uri(reverse("openid_connect_callback", args=[self.kwargs["tenant"]]))
