"""django-allauth here: nobody signs up, attempts are counted in the database, changes go on record."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from controlplane.console import throttle
from tenants import sessions
from tenants.models import User

GENERIC = "Please enter a correct username and password. Note that both fields may be case-sensitive."
QUIET = frozenset({"account/messages/logged_in.txt", "account/messages/logged_out.txt"})


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    error_messages = {**DefaultAccountAdapter.error_messages, "username_password_mismatch": GENERIC}

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Attempts are counted by whoever asks for the password: SignIn, and `reauthenticate` below."""

    def reauthenticate(self, user: User, password: str) -> bool:
        try:
            throttle.admit(name=user.username, address=str(user.pk))
        except throttle.TooManySignIns as refusal:
            raise self.validation_error("too_many_login_attempts") from refusal
        return bool(super().reauthenticate(user, password))

    def pre_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse | None:
        """Services and agents have credentials of their own; they never have a session."""
        if user.kind != User.Kind.HUMAN:
            return self.respond_user_inactive(request, user)
        answer: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return answer

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        """The same words as for a wrong password."""
        messages.error(request, GENERIC)
        return HttpResponseRedirect(reverse("account_login"))

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        from controlplane.console.account import sso  # allauth loads this module while it loads its own

        sso.remember(request, (kwargs.get("signal_kwargs") or {}).get("sociallogin"))
        used = [str(record["method"]) for record in get_authentication_records(request, user)]
        sessions.note_opened(user=user, methods=used)
        answer: HttpResponse = super().post_login(request, user, **kwargs)
        return answer

    def get_reauthentication_methods(self, user: User) -> list[dict[str, Any]]:
        """Where there is a second factor, the password alone proves nothing (see `guard`)."""
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        factor = [method for method in methods if method["id"] != "reauthenticate"]
        return factor or methods

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        if message_template not in QUIET:
            super().add_message(request, level, message_template, *args, **kwargs)

    def send_notification_mail(self, template_prefix: str, user: User, *args: Any, **kwargs: Any) -> None:
        """allauth tells the person by mail what changed; here the record is told, in each of their organisations."""
        sessions.note_change(user=user, change=template_prefix.rpartition("/")[2])

    def get_client_ip(self, request: HttpRequest) -> str:
        return request.META.get("REMOTE_ADDR") or "0.0.0.0"  # noqa: S104 - says “unknown”, binds nothing
