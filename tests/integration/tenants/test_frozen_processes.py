"""What the server does about a process that freezes inside a transaction."""

import pytest
from django.conf import settings
from django.db import connection


@pytest.mark.django_db
def test_the_server_ends_a_transaction_that_stands_still_before_the_lease_of_its_run_does() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        (limit,) = cursor.fetchone()
    assert limit == f"{settings.INTERLOCK_IDLE_TRANSACTION_S}s"
    assert settings.INTERLOCK_IDLE_TRANSACTION_S < settings.INTERLOCK_RUN_LEASE_S
