"""One-time codes at sign-in go through the same door as everywhere: counted first, accepted once."""

from typing import Any

from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError

from controlplane.console import throttle
from tenants import factors


class CodeToSignIn(AuthenticateForm):  # type: ignore[misc]
    def clean_code(self) -> str:
        return _accepted(self)


class CodeAgain(ReauthenticateForm):  # type: ignore[misc]
    def clean_code(self) -> str:
        return _accepted(self)


def _accepted(form: Any) -> str:
    who = {"name": f"code of {form.user.pk}", "address": str(form.user.pk)}
    try:
        throttle.admit(**who)
    except throttle.TooManySignIns as refusal:
        raise ValidationError(refusal.detail) from refusal
    code: str = form.cleaned_data["code"]
    if not factors.accept_totp(form.user.pk, code):
        raise ValidationError("That code is not right, or it was used already. Wait for the next one.")
    throttle.forgive(**who)
    form.authenticator = Authenticator.objects.get(user_id=form.user.pk, type=factors.TOTP)
    return code
