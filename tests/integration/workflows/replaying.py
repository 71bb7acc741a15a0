"""Whatever a test of this folder does with a run: the record of it can be played again."""

from django.db import transaction

from evidence.verify import structure
from workflows.models import Run
from workflows.replay import exact, reading
from workflows.replay.report import Verdict, told


def every_run_comes_out_the_same() -> None:
    """Of all runs that were recorded and whose record is whole."""
    with transaction.atomic():
        runs = list(Run.objects.order_by("id").values_list("pk", flat=True))
    for run_id in runs:
        material = reading.of_run(run_id)
        broken = structure.breaks(material.events)
        assert not broken, broken
        report = exact.replay(material)
        assert report.verdict is not Verdict.DIVERGED, "\n".join(told(report.document()))
