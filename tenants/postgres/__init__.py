"""Django's PostgreSQL backend, plus the tenant of the work announced at every BEGIN."""
