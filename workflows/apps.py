from django.apps import AppConfig


class WorkflowsConfig(AppConfig):
    name = "workflows"
    verbose_name = "Workflows"

    def ready(self) -> None:
        from approvals.ports import decided
        from connectors.ports import received, reconciled
        from workflows import checks, events, services, starting  # noqa: F401 - registers checks and event types

        decided.bind(services.approval_decided)
        received.bind(starting.by_webhook)
        reconciled.bind(services.outcome_told)
