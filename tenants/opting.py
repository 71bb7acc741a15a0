"""Whether the entered tenant has opted in to keep the content behind its record."""

from django.db import connection

from tenants import scope


def keeps_content() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT keep_content FROM tenants_tenant WHERE id = %s", [scope.current()])
        return bool(cursor.fetchone()[0])
