"""Publishing a workflow from a few lines and driving it, with all that it starts, until nothing moves."""

from django.db import transaction

from evidence.models import Event
from tenants import payloads
from workflows import services
from workflows.engine import sub_runs
from workflows.models import Run, Step

HEAD = """\
apiVersion: interlock/v1
kind: Workflow
metadata: {{name: {name}, version: {version}}}
spec:
"""
POST = "call: slack.message.post, with: {channel: C0ITSM, text: %s}"


class Flow:
    """Publishes a workflow from the lines under `spec:`; starts it; drives it and what it starts."""

    def __init__(self, door, floor):
        self.door, self.floor = door, floor

    def publish(self, spec, name="flow", version="1.0.0"):
        source = HEAD.format(name=name, version=version) + "".join(f"  {line}\n" for line in spec.splitlines())
        services.publish_version(workspace_id=self.floor.side.workspace.id, source=source, actor=self.floor.alice)

    def start(self, name="flow", key="k1", **trigger):
        return self.floor.start(trigger, key=key, workflow=name)

    def drive(self, run, rounds=8):
        """Wake the run and every other that is open until nothing moves."""
        for _ in range(rounds):
            with transaction.atomic():
                ids = list(Run.objects.filter(closed_at=None).order_by("-id").values_list("pk", flat=True))
            moved = [self.floor.engine.wake(run_id) for run_id in ids]
            if not sub_runs.catch_up() and not any(moved):
                break
        return self.floor.seen(run)

    def run(self, spec, **trigger):
        self.publish(spec)
        return self.drive(self.start(**trigger))

    def output(self, run, key=None):
        with transaction.atomic():
            row = Run.objects.get(pk=run.pk) if key is None else Step.objects.get(run=run, key=key)
            return payloads.get_json(row.output_digest)

    def children(self, run):
        with transaction.atomic():
            return list(Run.objects.filter(parent_run_id=run.pk).order_by("id"))

    def states(self, run):
        return self.floor.states(run)

    def made(self, verb):
        return [step for made, step in self.door.made if made == verb]

    def events(self, run):
        with transaction.atomic():
            return list(Event.objects.filter(run_id=run.pk).order_by("run_seq").values_list("type", flat=True))


CHILD = f"""\
outputs: {{said: "${{{{ dyn(steps.post2.output).value }}}}"}}
inputs: {{type: object, required: [text]}}
steps:
  - {{id: post1, {POST % '"${{ trigger.text }}"'}}}
  - {{id: post2, {POST % "second"}, needs: [post1]}}
"""
PARENT = f"""\
steps:
  - {{id: first, {POST % "first"}}}
  - id: sub
    run: {{workflow: child, version: 1.0.0}}
    with: {{text: "hi"}}
    needs: [first]
  - {{id: last, {POST % '"${{ steps.sub.output.said }}"'}, needs: [sub]}}
"""
