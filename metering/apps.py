from django.apps import AppConfig


class MeteringConfig(AppConfig):
    name = "metering"
    verbose_name = "Metering"

    def ready(self) -> None:
        from metering import checks, events, measures  # noqa: F401 - registers checks and event types
        from tenants import ports

        ports.measures["budget_breach"].bind(measures.budget_use)
