from django.db import models
from django.db.models import F, Q

from metering.types import BudgetKind, Period, Rate
from tenants.models import TenantModel, within_tenant


class PriceColumns(models.Model):
    """USD per 1,000,000 tokens and per call, from `valid_from` on; `valid_to` empty: until further notice."""

    provider = models.CharField(max_length=48)
    model = models.CharField(max_length=160, blank=True, help_text="Empty for the tools of a connector")
    above_tokens = models.PositiveIntegerField(default=0, help_text="For requests with more input tokens than this")
    input_per_mtok = models.DecimalField(max_digits=16, decimal_places=8, default=0)
    cached_per_mtok = models.DecimalField(max_digits=16, decimal_places=8, null=True, blank=True)
    output_per_mtok = models.DecimalField(max_digits=16, decimal_places=8, default=0)
    per_call = models.DecimalField(max_digits=16, decimal_places=8, default=0)
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True, blank=True)
    source = models.CharField(max_length=120)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}" if self.model else self.provider

    @property
    def rate(self) -> Rate:
        return Rate(
            input=self.input_per_mtok,
            output=self.output_per_mtok,
            cached=self.cached_per_mtok,
            per_call=self.per_call,
            above_tokens=self.above_tokens,
        )


class ModelPrice(PriceColumns):
    """A vendor's list price, the same for every tenant. The application reads it and cannot write it."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "model", "above_tokens", "valid_from"], name="modelprice_once"),
        ]


class TenantPrice(TenantModel, PriceColumns):
    """What a tenant really pays; it goes before the list price. Rows are closed, never changed."""

    set_by = models.UUIDField(editable=False)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "provider", "model", "above_tokens"],
                condition=Q(valid_to=None),
                name="tenantprice_one_open",
            ),
            models.CheckConstraint(
                condition=Q(input_per_mtok__gte=0, output_per_mtok__gte=0, per_call__gte=0),
                name="tenantprice_not_below_zero",
            ),
        ]


class Budget(TenantModel):
    """A limit for one period, with what is spent and what is held for calls under way (all micro-USD).

    `spent_micros` belongs to the window that began at `window_start`; the first write of a later window
    starts it again from zero. Holds are carried over.
    """

    kind = models.CharField(max_length=16, choices=[(k.value, k.value) for k in BudgetKind])
    value = models.CharField(max_length=160, blank=True)
    period = models.CharField(max_length=8, choices=[(p.value, p.value) for p in Period])
    limit_micros = models.BigIntegerField()
    window_start = models.DateTimeField()
    spent_micros = models.BigIntegerField(default=0)
    reserved_micros = models.BigIntegerField(default=0)
    set_by = models.UUIDField()
    set_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "kind", "value", "period"], name="budget_once"),
            within_tenant("budget"),
            models.CheckConstraint(condition=Q(limit_micros__gte=0), name="budget_limit_not_below_zero"),
            models.CheckConstraint(
                condition=Q(spent_micros__gte=0, reserved_micros__gte=0), name="budget_sums_not_below_zero"
            ),
            models.CheckConstraint(
                condition=Q(kind=BudgetKind.TENANT, value="") | (~Q(kind=BudgetKind.TENANT) & ~Q(value="")),
                name="budget_names_what_it_covers",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.value} per {self.period}".replace("  ", " ")


class Reservation(TenantModel):
    """What one call under way holds of one budget. Gone once the call is settled or released."""

    call_id = models.UUIDField()
    budget = models.ForeignKey(Budget, on_delete=models.PROTECT, related_name="reservations")
    micros = models.BigIntegerField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "call_id", "budget"], name="reservation_once"),
            models.CheckConstraint(condition=Q(micros__gte=0), name="reservation_not_below_zero"),
        ]


class UsageRow(TenantModel):
    """What one attempt of a call used and cost. `cost_micros` empty: the price is not known."""

    call_id = models.UUIDField()
    attempt = models.PositiveIntegerField()
    run_id = models.UUIDField(null=True)
    workspace_id = models.UUIDField()
    workflow = models.CharField(max_length=120, blank=True)
    ticket = models.CharField(max_length=120, blank=True)
    provider = models.CharField(max_length=48)
    model = models.CharField(max_length=160, blank=True)
    tokens_in = models.BigIntegerField()
    tokens_cached = models.BigIntegerField()
    tokens_out = models.BigIntegerField()
    tool_calls = models.BigIntegerField()
    estimated = models.BooleanField()
    cost_micros = models.BigIntegerField(null=True)
    at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "call_id", "attempt"], name="usage_once_per_attempt"),
            models.CheckConstraint(condition=Q(tokens_cached__lte=F("tokens_in")), name="usage_cached_is_a_part"),
        ]
        indexes = [models.Index(fields=["tenant", "run_id"], name="usage_of_run")]


class HumanTime(TenantModel):
    """Seconds that one person spent on one approval; `cost_micros` empty: no rate per minute is set."""

    request_id = models.UUIDField()
    person_id = models.UUIDField()
    run_id = models.UUIDField(null=True)
    workspace_id = models.UUIDField()
    workflow = models.CharField(max_length=120, blank=True)
    ticket = models.CharField(max_length=120, blank=True)
    seconds = models.PositiveIntegerField()
    measured = models.BooleanField()
    cost_micros = models.BigIntegerField(null=True)
    at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "request_id", "person_id"], name="humantime_once"),
        ]
        indexes = [models.Index(fields=["tenant", "run_id"], name="humantime_of_run")]


class Sums(models.Model):
    """What rollups add up. `unknown` counts entries without a price, `estimated` those not reported."""

    calls = models.BigIntegerField(default=0)
    tokens_in = models.BigIntegerField(default=0)
    tokens_cached = models.BigIntegerField(default=0)
    tokens_out = models.BigIntegerField(default=0)
    tool_calls = models.BigIntegerField(default=0)
    human_seconds = models.BigIntegerField(default=0)
    model_micros = models.BigIntegerField(default=0)
    tool_micros = models.BigIntegerField(default=0)
    human_micros = models.BigIntegerField(default=0)
    unknown = models.BigIntegerField(default=0)
    estimated = models.BigIntegerField(default=0)

    class Meta:
        abstract = True

    @property
    def micros(self) -> int:
        return self.model_micros + self.tool_micros + self.human_micros

    @property
    def complete(self) -> bool:
        return self.unknown == 0 and self.estimated == 0


class DailyRollup(TenantModel, Sums):
    """One UTC day of one workspace, workflow, provider and model; people are the provider `human`.

    The sums of a day are spread over several rows: whoever reads adds up its `share`s.
    """

    day = models.DateField()
    workspace_id = models.UUIDField()
    workflow = models.CharField(max_length=120, blank=True)
    provider = models.CharField(max_length=48)
    model = models.CharField(max_length=160, blank=True)
    share = models.PositiveSmallIntegerField(default=0)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "day", "workspace_id", "workflow", "provider", "model", "share"], name="rollup_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.workflow} {self.provider}/{self.model}"


class TicketCost(TenantModel, Sums):
    """Everything that one ticket has cost so far, over all its runs."""

    workspace_id = models.UUIDField()
    ticket = models.CharField(max_length=120)
    workflow = models.CharField(max_length=120, blank=True)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "workspace_id", "ticket"], name="ticketcost_once"),
        ]
        indexes = [models.Index(fields=["tenant", "last_at"], name="ticketcost_by_time")]

    def __str__(self) -> str:
        return self.ticket


class RateBucket(TenantModel):
    """The rate limit of one connector instance: when its bucket will be full again (GCRA's arrival time)."""

    instance_id = models.UUIDField()
    full_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "instance_id"], name="ratebucket_once")]
