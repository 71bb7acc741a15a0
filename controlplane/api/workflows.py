"""Published workflows. A version is never changed, only followed."""

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import idempotency, naming, paging
from tenants.http import ApiView
from workflows import access, comparing, services
from workflows.assets import Assets
from workflows.definition.findings import DefinitionRefused
from workflows.definition.model import Definition
from workflows.models import WorkflowVersion

LONGEST_SOURCE = 200_000
NAME = OpenApiParameter("name", OpenApiTypes.STR, description="only the versions of this workflow")
LISTED = [*paging.PARAMETERS, NAME]
AGAINST = OpenApiParameter("against", OpenApiTypes.UUID, required=True, description="id of the version before")


class DefinitionBody(serializers.Serializer[Any]):
    """`source`: the definition as YAML. `file`: its name, for findings. `prompts` (texts) and `schemas` (JSON
    Schemas) by `name@version`: those that it names beside the built-in ones and those published before.
    `workspace`: its slug, needed only where you see more than one."""

    source = serializers.CharField(max_length=LONGEST_SOURCE, trim_whitespace=False)  # type: ignore[assignment]
    file = serializers.CharField(max_length=200, default="workflow.yaml")
    prompts = serializers.DictField(child=serializers.CharField(trim_whitespace=False), default=dict)
    schemas = serializers.DictField(child=serializers.DictField(), default=dict)
    workspace = serializers.SlugField(required=False)


class Finding(serializers.Serializer[Any]):
    """`line` and `column` count from 1; `hint` says what to do."""

    code = serializers.CharField()
    message = serializers.CharField()
    hint = serializers.CharField()
    file = serializers.CharField()
    line = serializers.IntegerField()
    column = serializers.IntegerField()


class Checked(serializers.Serializer[Any]):
    """`clean`: it may be published; then with name, version and digest of the canonical form."""

    clean = serializers.BooleanField()
    name = serializers.CharField(allow_null=True)
    version = serializers.CharField(allow_null=True)
    digest = serializers.CharField(allow_null=True)
    findings = Finding(many=True)


class Version(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField(source="workflow.name")
    workspace_id = serializers.UUIDField(source="workflow.workspace_id")
    version = serializers.CharField()
    digest = serializers.CharField()
    published_by = serializers.CharField(source="published_label")
    published_at = serializers.DateTimeField(source="created_at")


class VersionDetail(Version):
    source = serializers.CharField()  # type: ignore[assignment]
    document = serializers.JSONField()
    assets = serializers.JSONField()


class DiffLine(serializers.Serializer[Any]):
    """`change`: same, removed or added; line numbers in the version before and after."""

    change = serializers.ChoiceField(choices=[change.value for change in comparing.Change])
    text = serializers.CharField()
    before = serializers.IntegerField(allow_null=True)
    after = serializers.IntegerField(allow_null=True)


class Diff(serializers.Serializer[Any]):
    before = Version()
    after = Version()
    lines = DiffLine(many=True)


def version_of(row: WorkflowVersion) -> dict[str, Any]:
    return dict(Version(row).data)


class Workflows(ApiView):
    @extend_schema(operation_id="workflows_list", parameters=LISTED, responses=paging.page_of(Version))
    def get(self, request: Request) -> Response:
        """Every published version, newest first."""
        page = paging.asked(request)
        name = request.query_params.get("name", "")
        rows = access.versions(self.actor, name=name, before=page.before, limit=page.limit + 1)
        return Response(paging.envelope(rows, page, version_of))

    @extend_schema(operation_id="workflows_publish", request=DefinitionBody, responses={201: Version})
    def post(self, request: Request) -> Response:
        """Publish a version; refused with every finding when it could not be undone in order."""
        return idempotency.once(
            request,
            actor=self.actor,
            verb=services.publish_version,
            render=version_of,
            status=201,
            **_asked(self, request),
        )


class WorkflowCheck(ApiView):
    @extend_schema(operation_id="workflows_check", request=DefinitionBody, responses=Checked)
    def post(self, request: Request) -> Response:
        """What publishing would say to this definition; nothing is written."""
        asked = _asked(self, request)
        try:
            definition = services.check(**asked, actor=self.actor)
        except DefinitionRefused as refused:
            return Response(_checked(None, refused.extra["findings"]))
        return Response(_checked(definition, []))


class WorkflowOne(ApiView):
    @extend_schema(operation_id="workflows_show", responses=VersionDetail)
    def get(self, request: Request, version_id: UUID) -> Response:
        return Response(VersionDetail(access.version(self.actor, version_id)).data)


class WorkflowDiff(ApiView):
    @extend_schema(operation_id="workflows_diff", parameters=[AGAINST], responses=Diff)
    def get(self, request: Request, version_id: UUID) -> Response:
        """What this version changed, line by line, against the one before."""
        after = access.version(self.actor, version_id)
        against = serializers.UUIDField().run_validation(request.query_params.get("against"))
        before = access.version(self.actor, against)
        lines = comparing.between(before.source, after.source)
        return Response(Diff({"before": before, "after": after, "lines": lines}).data)


def _asked(view: ApiView, request: Request) -> dict[str, Any]:
    body = DefinitionBody(data=request.data)
    body.is_valid(raise_exception=True)
    given = body.validated_data
    return {
        "workspace_id": naming.workspace(view.actor, given.get("workspace")).pk,
        "source": given["source"],
        "file": given["file"],
        "assets": Assets(given["prompts"], given["schemas"]),
    }


def _checked(definition: Definition | None, findings: object) -> dict[str, Any]:
    return {
        "clean": definition is not None,
        "name": definition.name if definition else None,
        "version": definition.version if definition else None,
        "digest": definition.digest if definition else None,
        "findings": findings,
    }
