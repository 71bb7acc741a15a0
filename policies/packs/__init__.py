"""The Rego that ships with Interlock. Pure.

`main` composes, `lib` is what packs share, `sequences` watches what is carried where; they, `default` and `system` are
in every bundle. `triage` and `access_review` are the packs of the workflows `itsm-triage` and `access-review`,
published like any tenant's own.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from policies.types import PackSource

PLATFORM = ("main", "lib", "sequences", "default", "system")
_FOLDER = Path(__file__).parent


@cache
def rego(name: str) -> str:
    """The source of a module that ships with us, such as `triage` or `triage_test`."""
    return (_FOLDER / f"{name}.rego").read_text(encoding="utf-8")


def platform_modules() -> Mapping[str, str]:
    """The modules that are in every bundle, by their path in it."""
    return {path_of(name): rego(name) for name in PLATFORM}


def path_of(name: str) -> str:
    """Where a module stands in a bundle; the folder follows the package."""
    return f"interlock/{name}.rego" if name in ("main", "lib", "sequences") else f"interlock/packs/{name}.rego"


def triage(*, channels: Sequence[str]) -> PackSource:
    """The pack of `itsm-triage`; `channels` are the ids of the Slack channels that it may post to."""
    return PackSource(rego("triage"), {"channels": sorted(channels)}, rego("triage_test"))


def access_review(*, privileged_groups: Sequence[str], usergroups: Sequence[str]) -> PackSource:
    """The pack of `access-review`; sys_ids of the ServiceNow groups that it never touches, and ids of the Slack user
    groups that it may take people out of."""
    data = {"privileged_groups": sorted(privileged_groups), "usergroups": sorted(usergroups)}
    return PackSource(rego("access_review"), data, rego("access_review_test"))
