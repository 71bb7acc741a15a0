from django.apps import AppConfig


class WorkflowsConfig(AppConfig):
    name = "workflows"
    verbose_name = "Workflows"

    def ready(self) -> None:
        from django_q.signals import post_spawn

        from approvals.ports import decided
        from connectors.ports import received, reconciled, ruled_out
        from evidence.ports import exhibits
        from workflows import checks, delivered, events, services, tasks  # noqa: F401 - registers checks and event types
        from workflows.exhibits import of_events

        post_spawn.connect(tasks.enlist, dispatch_uid="workflows.enlist")
        decided.bind(services.approval_decided)
        received.bind(delivered.by_webhook)
        reconciled.bind(services.outcome_told)
        ruled_out.bind(services.ruled_out)
        exhibits.bind(of_events)
