from django.db import models

from tenants.models.base import TenantModel
from tenants.roles import Role


class IdentityProvider(TenantModel):
    """Where the people of a tenant sign in (OpenID Connect). The client's secret is a credential in the vault.

    `step_up`: a fresh sign-in there may stand for a second factor, if the token says so: `acr` is `step_up_acr`, or
    without one `amr` names a second factor. `default_role`: of people who come for the first time; empty: nobody is let
    in by coming.
    """

    issuer = models.CharField(max_length=250)
    client_id = models.CharField(max_length=200)
    secret_ref = models.CharField(max_length=90)
    step_up = models.BooleanField(default=False)
    step_up_acr = models.CharField(max_length=200, blank=True)
    default_role = models.CharField(max_length=24, blank=True, choices=[(r.value, r.label) for r in Role])
    enabled = models.BooleanField(default=True)
    set_by = models.UUIDField()
    set_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant"], name="one_identity_provider")]

    def __str__(self) -> str:
        return self.issuer
