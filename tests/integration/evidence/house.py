"""A tenant whose heads leave the house."""

import json
from types import SimpleNamespace

from controlplane.lib import clock
from evidence import anchors, exports, services, trust
from evidence.verify.dossier import Question
from evidence.verify.findings import Report
from evidence.verify.trust import parse
from evidence.verify.verifier import verify
from tenants import scope
from tenants.actors import Actor
from tests import tsa
from tests.integration.evidence.events import Noted


class House(SimpleNamespace):
    """One tenant with a run; `configure` writes the operator's file."""

    def configure(self, **members: object) -> None:
        self.settings.INTERLOCK_ANCHORS = self.folder / "anchors.json"
        self.settings.INTERLOCK_ANCHORS.write_text(json.dumps(members))

    def record(self, *words: str) -> None:
        with self.in_scope(self.tenant):
            actor = Actor.system(self.tenant, "test")
            for word in words:
                services.record(Noted(word), actor=actor, workspace_id=self.log, run_id=self.run)
            services.close_run(run_id=self.run, actor=actor)
        self.seal()

    def seal(self) -> None:
        while self.as_sequencer():
            pass

    def round(self) -> int:
        return self.as_sequencer(anchors.run_round)

    def export(self) -> bytes:
        with scope.enter(self.tenant):
            return services.export_run(run_id=self.run, actor=self.alice, timeout_s=0.2)

    def audit(self) -> Report:
        return self._judged(self.export(), "basic")

    def audit_period(self, **span: object) -> Report:
        """Under the profile that asks for time stamps and witnesses."""
        with scope.enter(self.tenant):
            return self._judged(exports.export_period(log_id=self.log, actor=self.alice, **span), "audit")

    def _judged(self, bundle: bytes, profile: str) -> Report:
        trusted = parse(json.dumps(trust.export(self.tenant)).encode())
        return verify(bundle, Question(trusted, (), clock.now_ms(), profile))


def stamping(authority: tsa.Authority) -> dict[str, str]:
    return {"name": "openssl.test", "url": authority.url, "certificate": f"{authority.folder}/tsa.pem"}
