"""What was spent, what it was spent on, and the limits: rollups, tickets, budgets, prices."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import idempotency, paging
from controlplane.lib.errors import Invalid
from metering import access, services
from metering.models import Budget as BudgetRow
from metering.models import TenantPrice
from metering.types import BudgetKind, Period, Rate
from tenants.http import ApiView

LONGEST_DAYS = 366
KINDS = [kind.value for kind in BudgetKind]
DAYS = OpenApiParameter("days", int, description="How many UTC days back, today included; 30 when left out")


class Budget(serializers.Serializer[Any]):
    """Micro-USD of the present period."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=KINDS)
    value = serializers.CharField()
    period = serializers.ChoiceField(choices=[p.value for p in Period])
    limit_micros = serializers.IntegerField()
    spent_micros = serializers.IntegerField()
    reserved_micros = serializers.IntegerField()
    window_start = serializers.DateTimeField()


class BudgetLine(Budget):
    remaining_micros = serializers.IntegerField()


class BudgetBody(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=KINDS)
    value = serializers.CharField(max_length=160, allow_blank=True, default="")
    period = serializers.ChoiceField(choices=[p.value for p in Period])
    limit_micros = serializers.IntegerField(min_value=0, max_value=2**53)


class Spend(serializers.Serializer[Any]):
    name = serializers.CharField()
    micros = serializers.IntegerField()
    calls = serializers.IntegerField()
    tokens_in = serializers.IntegerField()
    tokens_out = serializers.IntegerField()
    human_seconds = serializers.IntegerField()
    complete = serializers.BooleanField()


class TicketFigures(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    median_micros = serializers.IntegerField()
    p95_micros = serializers.IntegerField()
    total_micros = serializers.IntegerField()
    complete = serializers.IntegerField(help_text="How many of them have every part priced and measured")


class Costs(serializers.Serializer[Any]):
    since = serializers.DateField()
    tickets = TicketFigures()
    budgets = BudgetLine(many=True)
    by_model = Spend(many=True)
    by_workflow = Spend(many=True)
    by_day = Spend(many=True)


class Ticket(serializers.Serializer[Any]):
    """`complete` false: a part is not priced or was estimated, so more may be due."""

    ticket = serializers.CharField()
    workflow = serializers.CharField()
    micros = serializers.IntegerField()
    model_micros = serializers.IntegerField()
    tool_micros = serializers.IntegerField()
    human_micros = serializers.IntegerField()
    human_seconds = serializers.IntegerField()
    calls = serializers.IntegerField()
    complete = serializers.BooleanField()
    last_at = serializers.DateTimeField()


class PriceBody(serializers.Serializer[Any]):
    """USD as decimal text: per 1,000,000 tokens, and per tool call (for provider `human`: per minute)."""

    provider = serializers.CharField(max_length=48)
    model = serializers.CharField(max_length=160, allow_blank=True, default="")
    input = serializers.DecimalField(max_digits=16, decimal_places=8, min_value=Decimal(0), default=Decimal(0))
    output = serializers.DecimalField(max_digits=16, decimal_places=8, min_value=Decimal(0), default=Decimal(0))
    cached = serializers.DecimalField(
        max_digits=16, decimal_places=8, min_value=Decimal(0), allow_null=True, default=None
    )
    per_call = serializers.DecimalField(max_digits=16, decimal_places=8, min_value=Decimal(0), default=Decimal(0))
    above_tokens = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0)
    source = serializers.CharField(max_length=120)  # type: ignore[assignment]


class Price(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    provider = serializers.CharField()
    model = serializers.CharField()
    input = serializers.DecimalField(max_digits=16, decimal_places=8, source="input_per_mtok")
    output = serializers.DecimalField(max_digits=16, decimal_places=8, source="output_per_mtok")
    cached = serializers.DecimalField(max_digits=16, decimal_places=8, source="cached_per_mtok", allow_null=True)
    per_call = serializers.DecimalField(max_digits=16, decimal_places=8)
    above_tokens = serializers.IntegerField()
    valid_from = serializers.DateTimeField()
    source = serializers.CharField()  # type: ignore[assignment]


def budget_of(row: BudgetRow) -> dict[str, Any]:
    return dict(Budget(row).data)


def price_of(row: TenantPrice) -> dict[str, Any]:
    return dict(Price(row).data)


class CostOverview(ApiView):
    @extend_schema(operation_id="costs", parameters=[DAYS], responses=Costs)
    def get(self, request: Request) -> Response:
        return Response(Costs(access.cost_page(self.actor, days=_days(request))).data)


class CostTickets(ApiView):
    @extend_schema(operation_id="costs_tickets", parameters=[DAYS], responses=paging.page_of(Ticket))
    def get(self, request: Request) -> Response:
        """The fifty dearest tickets, dearest first."""
        rows = access.tickets(self.actor, days=_days(request))
        return Response({"results": Ticket(rows, many=True).data, "next_cursor": None})


class Budgets(ApiView):
    @extend_schema(operation_id="budgets_list", responses=paging.page_of(BudgetLine))
    def get(self, request: Request) -> Response:
        return Response({"results": BudgetLine(access.budgets(self.actor), many=True).data, "next_cursor": None})

    @extend_schema(operation_id="budgets_set", request=BudgetBody, responses=Budget)
    def post(self, request: Request) -> Response:
        """Set the limit of one budget, new or known; what is spent and held stays."""
        body = BudgetBody(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = body.validated_data
        return idempotency.once(
            request,
            actor=self.actor,
            verb=services.set_budget,
            render=budget_of,
            kind=BudgetKind(wanted["kind"]),
            value=wanted["value"],
            period=Period(wanted["period"]),
            limit_micros=wanted["limit_micros"],
        )


class Prices(ApiView):
    @extend_schema(operation_id="prices_set", request=PriceBody, responses={201: Price})
    def post(self, request: Request) -> Response:
        """What you pay from now on; it goes before the vendor's list price."""
        body = PriceBody(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = body.validated_data
        rates = ("input", "output", "cached", "per_call", "above_tokens")
        return idempotency.once(
            request,
            actor=self.actor,
            verb=services.set_price,
            render=price_of,
            status=201,
            provider=wanted["provider"],
            model=wanted["model"],
            rate=Rate(**{name: wanted[name] for name in rates}),
            source=wanted["source"],
        )


def _days(request: Request) -> int:
    raw = request.query_params.get("days", "30")
    if not raw.isdigit() or not 1 <= int(raw) <= LONGEST_DAYS:
        raise Invalid(f"days is a number from 1 to {LONGEST_DAYS}", field="days")
    return int(raw)
