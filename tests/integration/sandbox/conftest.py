from base64 import b64encode

import pytest

from connectors.sandbox import accounts


@pytest.fixture
def basic() -> dict[str, str]:
    pair = f"{accounts.SERVICENOW_USER}:{accounts.SERVICENOW_PASSWORD}"
    return {"Authorization": "Basic " + b64encode(pair.encode()).decode()}
