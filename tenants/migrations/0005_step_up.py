import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import controlplane.lib.ids
import tenants.scope
from tenants.rls import GrantTable, ProtectTenantTable, TenantForeignKey

# django-allauth's tables belong to people, and people belong to no tenant
PEOPLES_TABLES = (
    "account_emailaddress",
    "mfa_authenticator",
    "socialaccount_socialaccount",
    "usersessions_usersession",
)


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0004_policy_servers"),
        ("account", "0009_emailaddress_unique_primary_email"),
        ("mfa", "0003_authenticator_type_uniq"),
        ("socialaccount", "0006_alter_socialaccount_extra_data"),
        ("usersessions", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="StepUpChallenge",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=controlplane.lib.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("action_digest", models.CharField(max_length=64)),
                ("workspace_id", models.UUIDField(help_text="Whose log tells of it", null=True)),
                ("run_id", models.UUIDField(null=True)),
                ("opened_at", models.DateTimeField()),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("answered_at", models.DateTimeField(null=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        default=tenants.scope.current,
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="StepUp",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=controlplane.lib.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "method",
                    models.CharField(
                        choices=[
                            ("passkey", "Passkey"),
                            ("totp", "One-time code"),
                            ("oidc", "Fresh sign-in at the identity provider"),
                        ],
                        max_length=8,
                    ),
                ),
                ("action_digest", models.CharField(max_length=64)),
                ("at", models.DateTimeField()),
                ("assertion", models.BinaryField(null=True)),
                ("proof_digest", models.CharField(max_length=64)),
                ("used_at", models.DateTimeField(null=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        default=tenants.scope.current,
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "challenge",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="proofs", to="tenants.stepupchallenge"
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.AddIndex(
            model_name="stepupchallenge",
            index=models.Index(fields=["tenant", "user", "opened_at"], name="stepup_asked_lately"),
        ),
        migrations.AddConstraint(
            model_name="stepupchallenge",
            constraint=models.UniqueConstraint(fields=("tenant", "id"), name="stepupchallenge_within_tenant"),
        ),
        migrations.AddIndex(
            model_name="stepup",
            index=models.Index(fields=["tenant", "user", "action_digest", "at"], name="stepup_fresh"),
        ),
        migrations.AddConstraint(
            model_name="stepup",
            constraint=models.UniqueConstraint(fields=("tenant", "id"), name="stepup_within_tenant"),
        ),
        migrations.AddConstraint(
            model_name="stepup",
            constraint=models.UniqueConstraint(fields=("tenant", "challenge"), name="stepup_once_per_challenge"),
        ),
        migrations.AddConstraint(
            model_name="stepup",
            constraint=models.UniqueConstraint(fields=("tenant", "user", "proof_digest"), name="stepup_proof_once"),
        ),
        migrations.AddConstraint(
            model_name="stepup",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("assertion__isnull", False), ("method", "passkey")),
                    models.Q(models.Q(("method", "passkey"), _negated=True), ("assertion", None)),
                    _connector="OR",
                ),
                name="stepup_passkey_has_assertion",
            ),
        ),
        ProtectTenantTable("tenants_stepupchallenge", app="SELECT, INSERT, UPDATE (attempts, answered_at)"),
        ProtectTenantTable("tenants_stepup", app="SELECT, INSERT, UPDATE (used_at)"),
        TenantForeignKey("tenants_stepup", "challenge_id", "tenants_stepupchallenge"),
        *(GrantTable(table, role="app", privileges="SELECT, INSERT, UPDATE, DELETE") for table in PEOPLES_TABLES),
    ]
