"""System checks of the record."""

import stat
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from evidence.verify.note import valid_origin


@register()
def deployment_makes_an_origin(**_: Any) -> list[CheckMessage]:
    name = settings.INTERLOCK_DEPLOYMENT
    if valid_origin(name) and "/" not in name:
        return []
    hint = "Set INTERLOCK_DEPLOYMENT to a host-like name without blanks, plus signs and slashes."
    return [Error(f"{name!r} cannot begin a log origin.", hint=hint, id="evidence.E001")]


@register(deploy=True)
def keys_are_private(**_: Any) -> list[CheckMessage]:
    folder = settings.INTERLOCK_DATA_DIR / "keys"
    exposed = [path for path in folder.rglob("*") if path.is_file() and _readable_by_others(path.stat().st_mode)]
    hint = "chmod 600 the files; whoever read them can sign in the name of this deployment."
    return [Error(f"{path} is readable by others.", hint=hint, id="evidence.E002") for path in exposed]


def _readable_by_others(mode: int) -> bool:
    return bool(mode & (stat.S_IRGRP | stat.S_IROTH))
