from django.apps import AppConfig


class EvidenceConfig(AppConfig):
    name = "evidence"
    verbose_name = "Evidence"

    def ready(self) -> None:
        from evidence import checks, events, measures, services  # noqa: F401 - registers checks and event types
        from evidence.shredding import ENCRYPTED
        from tenants import ports, rekeying

        rekeying.ENCRYPTED.append(ENCRYPTED)
        ports.record.bind(services.record)
        ports.measures["evidence_backpressure"].bind(measures.keeps_up)
