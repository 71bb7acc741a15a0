"""Budgets and prices by their verbs; the books themselves can only be read."""

from typing import Any

from django.contrib import admin

from metering import services
from metering.models import Budget, DailyRollup, HumanTime, ModelPrice, TenantPrice, TicketCost, UsageRow
from metering.types import BudgetKind, Period, Rate
from tenants.actors import Actor
from tenants.admin_base import ReadOnlyAdmin, VerbAdmin, site
from tenants.permissions import Perm


@admin.register(Budget, site=site)
class BudgetAdmin(VerbAdmin):
    perm = Perm.MANAGE_BUDGETS
    fields = ("kind", "value", "period", "limit_micros")
    list_display = ("kind", "value", "period", "limit_micros", "spent_micros", "reserved_micros", "window_start")
    list_filter = ("kind", "period")

    def create(self, *, cleaned: dict[str, Any], actor: Actor) -> Budget:
        return services.set_budget(
            kind=BudgetKind(cleaned["kind"]),
            value=cleaned["value"],
            period=Period(cleaned["period"]),
            limit_micros=cleaned["limit_micros"],
            actor=actor,
        )

    def change(self, *, row: Budget, cleaned: dict[str, Any], actor: Actor) -> Budget:
        """Only the limit changes; what a budget covers is what it is."""
        return services.set_budget(
            kind=BudgetKind(row.kind),
            value=row.value,
            period=Period(row.period),
            limit_micros=cleaned["limit_micros"],
            actor=actor,
        )

    def get_readonly_fields(self, request: Any, obj: Budget | None = None) -> tuple[str, ...]:
        return () if obj is None else ("kind", "value", "period")


@admin.register(TenantPrice, site=site)
class TenantPriceAdmin(VerbAdmin):
    """A new price closes the one before it; prices are never edited."""

    perm = Perm.MANAGE_BUDGETS
    fields = (
        "provider",
        "model",
        "above_tokens",
        "input_per_mtok",
        "cached_per_mtok",
        "output_per_mtok",
        "per_call",
        "source",
    )
    list_display = ("provider", "model", "above_tokens", "input_per_mtok", "output_per_mtok", "per_call", "valid_to")
    list_filter = ("provider",)

    def create(self, *, cleaned: dict[str, Any], actor: Actor) -> TenantPrice:
        rate = Rate(
            input=cleaned["input_per_mtok"],
            output=cleaned["output_per_mtok"],
            cached=cleaned["cached_per_mtok"],
            per_call=cleaned["per_call"],
            above_tokens=cleaned["above_tokens"],
        )
        return services.set_price(
            provider=cleaned["provider"], model=cleaned["model"], rate=rate, source=cleaned["source"], actor=actor
        )


@admin.register(ModelPrice, site=site)
class ModelPriceAdmin(ReadOnlyAdmin):
    perm = Perm.MANAGE_BUDGETS
    list_display = ("provider", "model", "above_tokens", "input_per_mtok", "output_per_mtok", "valid_from", "source")
    list_filter = ("provider",)
    search_fields = ("model",)


@admin.register(DailyRollup, site=site)
class DailyRollupAdmin(ReadOnlyAdmin):
    perm = Perm.MANAGE_BUDGETS
    list_display = (
        "day",
        "workflow",
        "provider",
        "model",
        "share",
        "calls",
        "model_micros",
        "tool_micros",
        "human_micros",
    )


@admin.register(TicketCost, site=site)
class TicketCostAdmin(ReadOnlyAdmin):
    perm = Perm.MANAGE_BUDGETS
    list_display = ("ticket", "workflow", "model_micros", "tool_micros", "human_micros", "unknown", "estimated")
    search_fields = ("ticket",)


@admin.register(UsageRow, site=site)
class UsageRowAdmin(ReadOnlyAdmin):
    perm = Perm.MANAGE_BUDGETS
    list_display = ("at", "workflow", "ticket", "provider", "model", "tokens_in", "tokens_out", "cost_micros")


@admin.register(HumanTime, site=site)
class HumanTimeAdmin(ReadOnlyAdmin):
    perm = Perm.MANAGE_BUDGETS
    list_display = ("at", "workflow", "ticket", "seconds", "measured", "cost_micros")
