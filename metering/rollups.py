"""Sums kept up to date by the transaction that adds to them; pages about cost read nothing else."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from controlplane.lib import clock, ids
from metering.models import DailyRollup, Sums, TicketCost
from metering.types import Cost, Place, Usage
from tenants import scope

COUNTERS = tuple(field.name for field in Sums._meta.get_fields())
SHARES = 16
"""A day's sums lie in so many rows, so that transactions which add to one seldom wait for each other."""


def of_usage(usage: Usage, cost: Cost) -> dict[str, int]:
    """What one attempt adds: to the model's share if a model was named, to the tools' share if not."""
    share = "model_micros" if usage.model else "tool_micros"
    return {
        "calls": 1,
        "tokens_in": usage.tokens_in,
        "tokens_cached": usage.tokens_cached,
        "tokens_out": usage.tokens_out,
        "tool_calls": usage.tool_calls,
        share: cost.micros,
        "unknown": int(not cost.known),
        "estimated": int(usage.estimated),
    }


def of_person(seconds: int, cost: Cost) -> dict[str, int]:
    return {
        "human_seconds": seconds,
        "human_micros": cost.micros,
        "unknown": int(not cost.known),
    }


def add(amounts: Mapping[str, int], place: Place, *, at: datetime, provider: str, model: str = "") -> None:
    """Add to the day and to the ticket, in this order everywhere, so that two writers cannot deadlock."""
    day = {
        "day": at.astimezone(UTC).date(),
        "workspace_id": place.workspace_id,
        "workflow": place.workflow,
        "provider": provider,
        "model": model,
        "share": secrets.randbelow(SHARES),
    }
    _upsert(DailyRollup._meta.db_table, day, amounts)
    if place.ticket:
        _upsert(
            TicketCost._meta.db_table,
            {"workspace_id": place.workspace_id, "ticket": place.ticket},
            amounts,
            once={"workflow": place.workflow, "first_at": at},
            latest={"last_at": at},
        )


def _upsert(
    table: str,
    key: Mapping[str, Any],
    amounts: Mapping[str, int],
    *,
    once: Mapping[str, Any] | None = None,
    latest: Mapping[str, Any] | None = None,
) -> None:
    """One statement, so that a row that appears in between is added to and never overwritten."""
    counts = {name: amounts.get(name, 0) for name in COUNTERS}
    own = {"id": ids.uuid7(), "created_at": clock.now(), "tenant_id": scope.current()}
    values = {**own, **key, **(once or {}), **(latest or {}), **counts}
    sums = [f"{name} = {table}.{name} + EXCLUDED.{name}" for name in counts]
    later = [f"{name} = GREATEST({table}.{name}, EXCLUDED.{name})" for name in latest or {}]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(['%s'] * len(values))})"  # noqa: S608 - names are ours
            f" ON CONFLICT (tenant_id, {', '.join(key)}) DO UPDATE SET {', '.join(sums + later)}",
            list(values.values()),
        )
