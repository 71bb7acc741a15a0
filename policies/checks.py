"""System checks of policy: the evaluator starts, answers as OPA does, and is confined."""

from typing import Any

from django.core.checks import CheckMessage, Error, Info, Tags, register

from policies.engine import embedded
from policies.engine.protocol import PointFailure


@register(Tags.security, deploy=True)
def evaluator_is_confined(**_: Any) -> list[CheckMessage]:
    try:
        child = embedded.start(confined_only=False)
    except PointFailure as failure:
        hint = "Every action is denied until this works. See docs/adr/0002-policy-engine.md."
        return [Error(f"The policy evaluator does not start: {failure}", hint=hint, id="policies.E001")]
    missing = sorted(layer for layer, state in child.layers.states.items() if state != "on")
    child.kill()
    if not missing:
        return []
    hint = "Landlock and seccomp need Linux 5.13 or newer and a container that lets them be used."
    message = f"The policy evaluator would run without {', '.join(missing)} here: production then denies every action."
    return [Info(message, hint=hint, id="policies.I001")]
