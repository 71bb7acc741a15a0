"""`interlock`: the operator's client of the `/v1` API. It knows nothing of Django or the database."""
