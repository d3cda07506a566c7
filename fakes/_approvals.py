"""Questions that `pytest_mcpflow.fakes.communication_hub` takes to a person, and the decisions."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow.fake import Call, Declined, Fake, FakeError, tool

__all__ = ["Approval", "Approvals", "Decision"]


@dataclass(frozen=True)
class Decision:
    """What a person fills in."""

    approve: bool
    reason: str


@dataclass
class Approval:
    """A decided question; `at` is seconds on the fake's clock."""

    question: str
    approver: str
    approved: bool
    reason: str
    at: float


@dataclass
class Approvals(Fake):
    """Approvals are kept: the record of who let what happen, and why."""

    approvals: list[Approval] = field(default_factory=list[Approval], kw_only=True)

    @tool(idempotent=True)
    async def request_approval(self, question: str, approver: str, *, call: Call) -> Approval:
        """Ask a person whether something may be done, and wait for the decision.

        Nobody is asked twice: a question that was decided is answered with its decision. Not to answer is to say no.
        """
        if not question.strip():
            raise FakeError("no_text: the question is empty")
        decided = self._decided(question, approver)
        if decided is None:
            try:
                decision = await call.elicit(question, Decision)
            except Declined as no_answer:
                decision = Decision(False, str(no_answer))
            # While the person thought, the same question may have been decided in another call.
            decided = self._decided(question, approver)
            if decided is None:
                decided = Approval(question, approver, decision.approve, decision.reason, self.clock.now())
                self.approvals.append(decided)
        return decided

    def _decided(self, question: str, approver: str) -> Approval | None:
        asked = (question, approver)
        return next((each for each in self.approvals if (each.question, each.approver) == asked), None)
