"""A driver's call against the stand-ins: `call(marker=…)` makes the context."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from connectors.sandbox import accounts
from connectors.types import CallContext, Instance
from controlplane.lib import clock
from tests.stand_ins import StandIns

MARKER = "[interlock:0198f2aa:5e1c77d0]"
CREDENTIALS = {
    "servicenow": {"client_secret": accounts.SERVICENOW_CLIENT_SECRET},
    "slack": {"bot_token": accounts.SLACK_BOT_TOKEN},
    "anthropic": {"api_key": accounts.ANTHROPIC_KEY},
    "openai": {"api_key": accounts.OPENAI_KEY},
    "azure": {"api_key": accounts.AZURE_KEY},
}
CONFIG = {"servicenow": {"client_id": accounts.SERVICENOW_CLIENT_ID}}


@dataclass(frozen=True)
class Caller:
    """Contexts for one vendor; every keyword of `context` departs from the honest call."""

    vendor: str
    url: str

    def context(
        self,
        *,
        marker: str = MARKER,
        seconds: float = 5.0,
        on_first_byte: Callable[[], None] = lambda: None,
        secrets: dict[str, str] | None = None,
        **config: object,
    ) -> CallContext:
        held = CREDENTIALS[self.vendor] if secrets is None else secrets
        return CallContext(
            instance=Instance(
                self.vendor,
                self.vendor,
                f"{self.url}/{self.vendor}",
                {**CONFIG.get(self.vendor, {}), **config},
                allow_loopback=True,
            ),
            credentials={slot: secret.encode() for slot, secret in held.items()},
            marker=marker,
            deadline=clock.monotonic() + seconds,
            on_first_byte=on_first_byte,
        )


@pytest.fixture
def caller(stand_ins: StandIns) -> Callable[[str], Caller]:
    return lambda vendor: Caller(vendor, stand_ins.url)
