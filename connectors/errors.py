"""Errors of the connectors. What a vendor answered is an `Outcome`, not an error."""

from connectors.types import Failed
from controlplane.lib.errors import DomainError, Invalid, NotFound


class SendAborted(Exception):
    """Raised by `CallContext.on_first_byte` to stop a call before it leaves; `code` says why."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class UnknownTool(NotFound):
    code, title = "unknown_tool", "No connector offers this tool"


class UnknownDriver(NotFound):
    code, title = "unknown_driver", "No such connector driver"


class ManifestInvalid(Invalid):
    code, title = "manifest_invalid", "The connector manifest does not verify"


class ConfigInvalid(Invalid):
    code, title = "connector_config_invalid", "The connector instance is not configured correctly"


class RotaNotFound(NotFound):
    code, title = "rota_not_found", "No such rota"


class LinkingRefused(DomainError):
    """A Slack user was not linked; the detail says why."""

    code, status, title = "slack_linking_refused", 409, "The Slack user was not linked"


class SignatureRefused(DomainError):
    """A signature did not verify. `reason` is for the log and the counter, never for the sender."""

    code, status, title = "signature_refused", 401, "The request is not signed correctly"

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class TransportError(Exception):
    """Raised by a transport to its driver; the driver turns it into an `Outcome`."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class NothingSent(TransportError):
    """The request with the effect did not leave. `permanent`: trying again cannot help."""

    def __init__(self, code: str, detail: str = "", *, permanent: bool = False) -> None:
        super().__init__(code, detail)
        self.permanent = permanent


class ReplyLost(TransportError):
    """The request left and no usable reply came back: for a write that is Unknown.

    `retry_after_s`: what an unusable reply (a 503) asked for.
    """

    def __init__(self, code: str, detail: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(code, detail)
        self.retry_after_s = retry_after_s


class InstanceNotFound(NotFound):
    title = "No such connector instance"


class TaskNotFound(NotFound):
    title = "No such reconcile task"


class EndpointNotFound(NotFound):
    title = "No such endpoint"


class DeliveryTooLarge(DomainError):
    code, status, title = "delivery_too_large", 413, "The delivery is larger than 256 KB"


class DeliveryNotJson(Invalid):
    code, title = "delivery_not_json", "The delivery is not a JSON object"


class Refused(Exception):
    """The vendor's definite no, on its way out of a driver."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.code)
        self.failed = failed
