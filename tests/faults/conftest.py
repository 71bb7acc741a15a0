"""The tenant that is ready to make calls, as in the integration tests of the gateway."""

from tests.integration.connectors.conftest import (  # noqa: F401 - fixtures
    approve,
    bare,
    ready,
    running_stand_ins,
    vendors,
)
