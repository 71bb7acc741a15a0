"""Starting runs by a verified webhook: one of each workflow of the workspace that waits for the event."""

from typing import Any

from connectors import registry
from connectors.gateway import history
from connectors.ports import Delivery
from controlplane.lib import clock
from workflows.models import Run, Workflow, WorkflowVersion
from workflows.pinned import pinned
from workflows.publishing import newest
from workflows.starting import Order, begin_many


def by_webhook(delivery: Delivery) -> None:
    """Bound to `connectors.ports.received`: start every workflow of the workspace that waits for this event."""
    runs = begin_many([_order_of(delivery, version) for version in _listening(delivery)])
    record = registry.record_of_event(delivery.driver, delivery.event, _event_of(delivery))
    history.begin(
        history.Given(run.origin_run_id or run.pk, _names(run), delivery.data_classes, record) for run in runs
    )


def _names(run: Run) -> tuple[str, ...]:
    """Of the ticket."""
    return run.ticket_number, run.ticket_id


def _order_of(delivery: Delivery, version: WorkflowVersion) -> Order:
    return Order(
        workflow=version.workflow.name,
        environment_id=delivery.environment_id,
        trigger=_event_of(delivery),
        starter=delivery.sender,
        key=f"webhook:{delivery.delivery_id}:{version.workflow.name}",
        received_at=clock.now(),
    )


def _listening(delivery: Delivery) -> list[WorkflowVersion]:
    names = Workflow.objects.filter(workspace_id=delivery.workspace_id).values_list("name", flat=True)
    versions = (newest(delivery.workspace_id, name) for name in names.order_by("name"))
    return [version for version in versions if version is not None and _waits_for(version, delivery)]


def _waits_for(version: WorkflowVersion, delivery: Delivery) -> bool:
    trigger = pinned(version.pk)[1].trigger
    return trigger is not None and trigger.connector == delivery.connector and trigger.event == delivery.event


def _event_of(delivery: Delivery) -> dict[str, Any]:
    """What expressions see as `event` and `trigger`: the `data` of a Standard Webhooks body, else all of it."""
    data = delivery.body.get("data")
    return data if isinstance(data, dict) else dict(delivery.body)
