"""The published schemas, for everybody: no credentials, an ETag, 304 for whoever has it already."""

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from controlplane import contracts
from controlplane.lib.errors import NotFound


class OpenView(APIView):
    authentication_classes: ClassVar[tuple[type, ...]] = ()  # type: ignore[misc]
    permission_classes: ClassVar[tuple[type, ...]] = ()  # type: ignore[misc]


class Schemas(OpenView):
    @extend_schema(operation_id="schemas_list", responses=OpenApiTypes.OBJECT, auth=[])
    def get(self, request: Request) -> Response:
        """The name of every schema, and its ETag."""
        rows: list[dict[str, Any]] = [{"name": name, "etag": contracts.etag(name)} for name in contracts.names()]
        return Response({"results": rows, "next_cursor": None})


class SchemaOne(OpenView):
    @extend_schema(operation_id="schemas_show", responses=OpenApiTypes.OBJECT, auth=[])
    def get(self, request: Request, name: str) -> HttpResponse:
        """One schema, byte for byte as in `docs/contracts/`; 304 when `If-None-Match` names it."""
        if name not in contracts.names():
            raise NotFound(f"the schemas are {', '.join(contracts.SOURCES)}, and one per type of event")
        headers = {"ETag": contracts.etag(name), "Cache-Control": "public, max-age=300"}
        if contracts.etag(name) in request.headers.get("If-None-Match", ""):
            return HttpResponse(status=304, headers=headers)
        return HttpResponse(contracts.published(name), content_type="application/schema+json", headers=headers)
