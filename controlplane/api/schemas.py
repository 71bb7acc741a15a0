"""The JSON Schemas of the documents that cross our borders. They describe, they hold nothing of a tenant."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.lib.errors import NotFound
from tenants.http import ApiView

FILES: Mapping[str, str] = MappingProxyType(
    {
        "workflow-1": "workflows/schemas/workflow-1.json",
        "policy-input-1": "policies/schemas/input-1.json",
        "policy-decision-1": "policies/schemas/decision-1.json",
        "connector-manifest-1": "connectors/manifests/schema-1.json",
    }
)


@cache
def schema(name: str) -> Any:
    return json.loads((Path(settings.BASE_DIR) / FILES[name]).read_text())


class Schemas(ApiView):
    @extend_schema(operation_id="schemas_list", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        return Response({"results": [{"name": name} for name in FILES], "next_cursor": None})


class SchemaOne(ApiView):
    @extend_schema(operation_id="schemas_show", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, name: str) -> Response:
        if name not in FILES:
            raise NotFound(f"the schemas are {', '.join(FILES)}")
        return Response(schema(name))
