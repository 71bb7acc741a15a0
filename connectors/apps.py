from django.apps import AppConfig


class ConnectorsConfig(AppConfig):
    name = "connectors"
    verbose_name = "Connectors"

    def ready(self) -> None:
        from approvals.ports import changed, nudged
        from connectors import checks, events, measures, reminding, services, wakeups  # noqa: F401 - registers checks and event types
        from tenants import ports

        changed.bind(wakeups.request_changed)
        nudged.bind(reminding.nudge)
        ports.in_flight.bind(services.in_flight)
        ports.measures["error_rate"].bind(measures.error_rate)
        ports.measures["canary"].bind(measures.canary)
