"""The tool behind a call: its pinned, verified manifest entry and the verbs of its driver."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

from django.conf import settings
from jsonschema import Draft202012Validator

from connectors import manifests, registry
from connectors.errors import UnknownTool
from connectors.gateway.errors import ArgsInvalid
from connectors.models import ConnectorInstance
from connectors.types import Action, Instance, JsonObject, ReadVerbs, WriteVerbs
from controlplane.lib.canonical import digest


@dataclass(frozen=True)
class Tool:
    action: Action
    verbs: ReadVerbs | WriteVerbs
    manifest_digest: str

    @cached_property
    def schema_hash(self) -> str:
        """What the arguments and the output were checked against."""
        return digest({"args": self.action.args_schema, "output": self.action.output_schema})


def resolve(instance: ConnectorInstance, tool: str, version: str) -> Tool:
    """Raises UnknownTool for another version than the instance pins, ManifestInvalid for a changed manifest."""
    manifest = manifest_of(instance)
    action = manifest.action(tool)
    if action.version != version:
        raise UnknownTool(f"{instance.name} offers {tool} {action.version}, not {version}")
    return Tool(action, registry.verbs(manifest.driver, tool), manifest.digest)


def pinned_version(instance: ConnectorInstance, tool: str) -> str:
    """The version of a tool in the manifest that the instance pins."""
    return manifest_of(instance).action(tool).version


def manifest_of(instance: ConnectorInstance) -> manifests.Manifest:
    """The one that the instance pins; raises ManifestInvalid for a changed one."""
    return _manifest(instance.driver, instance.manifest_version, instance.manifest_digest)


def address(instance: ConnectorInstance) -> Instance:
    """The instance as its driver sees it; its own machine only where the installation allows that."""
    return Instance(
        name=instance.name,
        driver=instance.driver,
        base_url=instance.base_url,
        config=instance.config,
        allow_loopback=instance.allow_loopback and settings.INTERLOCK_ALLOW_LOOPBACK,
    )


def provider_of(instance: ConnectorInstance) -> str:
    """Who is paid: the provider that a model connector speaks to, else the connector's driver."""
    return str(instance.config.get("wire_api", "")).partition(".")[0] or instance.driver


def validate_args(action: Action, args: JsonObject) -> None:
    problem = _first_problem(action.args_schema, args)
    if problem:
        raise ArgsInvalid(f"{action.tool}: {problem}")


def output_problem(action: Action, output: JsonObject) -> str:
    """Why the output does not fit its schema; empty when it does."""
    return _first_problem(action.output_schema, output)


def _first_problem(schema: JsonObject, value: JsonObject) -> str:
    """Place and rule, never the value: this text may end in the record."""
    errors = sorted(Draft202012Validator(schema).iter_errors(value), key=lambda error: list(map(str, error.path)))
    if not errors:
        return ""
    place = "/".join(map(str, errors[0].path)) or "arguments"
    return f"{place}: {errors[0].validator} {errors[0].validator_value}"[:300]


@lru_cache(maxsize=256)
def _manifest(name: str, version: str, pinned: str) -> manifests.Manifest:
    """Verified once per process: the digest pins the content."""
    return manifests.load(name, version, digest=pinned)
