"""Cursor pages. Ids are UUIDv7, so a page is “older than this id”: no offset, no count."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, TypeVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request

from controlplane.lib.errors import Invalid

LARGEST = 100
USUAL = 50
PARAMETERS = [
    OpenApiParameter("limit", int, description=f"Rows per page, up to {LARGEST}; {USUAL} when left out"),
    OpenApiParameter("cursor", str, description="`next_cursor` of the page before"),
]


@cache
def page_of(item: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """The envelope of a page of `item`, for the schema."""
    fields = {"results": item(many=True), "next_cursor": serializers.CharField(allow_null=True)}
    return inline_serializer(f"{item.__name__}Page", fields)


class HasId(Protocol):
    @property
    def id(self) -> Any: ...


R = TypeVar("R", bound=HasId)


@dataclass(frozen=True)
class Page:
    """What to fetch: `limit` + 1 rows older than `before` (None = newest)."""

    limit: int
    before: UUID | None


def asked(request: Request) -> Page:
    """The page that the query names; raises Invalid with what is wrong."""
    raw = request.query_params.get("limit", str(USUAL))
    if not raw.isdigit() or not 1 <= int(raw) <= LARGEST:
        raise Invalid(f"limit is a number from 1 to {LARGEST}", field="limit")
    cursor = request.query_params.get("cursor")
    return Page(int(raw), _decode(cursor) if cursor else None)


def envelope(rows: Sequence[R], page: Page, render: Callable[[R], Any]) -> dict[str, Any]:
    """`rows` may hold one more than the limit: then there is a next page."""
    shown = rows[: page.limit]
    more = len(rows) > page.limit
    return {"results": [render(row) for row in shown], "next_cursor": encode(shown[-1].id) if more else None}


def encode(last: UUID) -> str:
    return base64.urlsafe_b64encode(last.bytes).decode().rstrip("=")


def _decode(cursor: str) -> UUID:
    try:
        return UUID(bytes=base64.urlsafe_b64decode(cursor + "=="))
    except (ValueError, binascii.Error) as error:
        raise Invalid("the cursor is not one of ours: take next_cursor of a page", field="cursor") from error
