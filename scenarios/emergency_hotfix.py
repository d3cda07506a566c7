"""A fix that cannot wait for staging: only with an approval, once, and watched afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow import Answer, Elicitation, Hub, Question, Run, Scenario, invariant
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.fakes.droplet_executor import Deployment, DropletExecutor
from pytest_mcpflow.fakes.github import GitHub
from pytest_mcpflow.scenarios._emergency_hotfix_world import MAIN, desktop, production
from pytest_mcpflow.scenarios._hotfix_workflow import (
    BRANCH,
    CODE,
    FIXED,
    HEALTHY,
    HOST,
    REGRESSION_TEST,
    REPOSITORY,
    SECRET,
    SERVICE,
    TEST,
    VARIABLE,
    Hotfix,
    HotfixReport,
)
from pytest_mcpflow.scenarios._rules import Emergency, ran_in_order, succeeded, tests_passed_before
from pytest_mcpflow.scenarios._worlds import connect_remote, guarded_hosting

__all__ = ["EmergencyHotfix", "HotfixReport"]


@dataclass
class EmergencyHotfix(Emergency, Scenario):
    """Payments fail in production. Find the cause, fix it with a test, and deploy now, without staging if approved.

    The service `payments` runs on `prod-1`; its code is in the checkout, whose remote is `shop/payments`. Version
    2.1.1 is built from the hotfix. The secret is known to the vault as `stripe/webhook`.
    """

    tags = ("deployment", "incident")

    production: DropletExecutor = field(default_factory=production)
    desktop: DesktopCommander = field(default_factory=desktop)
    hosting: GitHub = field(default_factory=lambda: guarded_hosting(REPOSITORY, MAIN))
    rates_when_resolved: list[float] = field(default_factory=list[float], init=False, repr=False)

    def connect(self, hub: Hub) -> None:
        connect_remote(hub, self.desktop, self.hosting.repositories[REPOSITORY])
        hub.on_effect(
            "communication-hub.resolve_alert", lambda _: self.rates_when_resolved.append(self._error_rate())
        )

    async def workflow(self, hub: Hub) -> HotfixReport:
        return await Hotfix(hub).run()

    def answer(self, question: Question) -> Answer:
        assert isinstance(question, Elicitation)
        return {"approve": True, "reason": "customers cannot pay"}

    def expect(self, run: Run) -> None:
        payments = self.production.service_on(HOST, SERVICE)
        assert (payments.version, payments.pending, payments.environment) == (FIXED, [], {VARIABLE: SECRET})
        [deployment] = self.production.deployments
        assert (deployment.host, deployment.service, deployment.version) == (HOST, SERVICE, FIXED)
        assert deployment.approval is not None
        assert deployment.approval.reason == "customers cannot pay"
        assert ran_in_order(self.desktop, ("npm test -- webhook", 1), ("npm test", 0))
        repo = self.hosting.repositories[REPOSITORY]
        assert f'required("{VARIABLE}")' in repo.branches[BRANCH].files[CODE]
        assert repo.branches[BRANCH].files[TEST] == REGRESSION_TEST
        [pull] = repo.pull_requests
        assert (pull.head, pull.base, pull.labels) == (BRANCH, "main", ["emergency", "priority"])
        assert pull.reviewers == ["on-call"]
        assert "Tests: 48 passed" in pull.body
        asked = {asked.question for deploy in run.calls("droplet-executor.deploy") for asked in deploy.asked}
        assert asked <= {f"Deploy {SERVICE} {FIXED} to production host {HOST} without staging?"}
        assert run.transcript.before("droplet-executor.get_logs", "desktop-commander.edit_block")
        assert run.transcript.before("github.create_pull_request", "droplet-executor.deploy")
        # The error rate is looked at until it is seen to be down, and not only before.
        assert run.calls("get_metrics")[-1].at > run.calls("droplet-executor.deploy")[-1].at
        assert self._error_rate() <= HEALTHY
        [alert] = self.people.alerts
        assert (alert.severity, alert.message) == ("critical", f"{SERVICE} fails in production")
        assert alert.resolved_at is not None
        assert [(each.status, each.version) for each in self.people.broadcasts] == [("completed", FIXED)]
        assert run.result.cause == f"{VARIABLE} is not set"
        assert run.result.success
        assert run.result.recovered
        assert run.result.approved_because == "customers cannot pay"
        assert run.result.error_rates[0][1] == 0.4
        assert run.result.pull_request == pull.number

    @invariant
    def no_production_deploy_without_approval(self, run: Run) -> None:
        """What was never on staging goes to production only with a person's approval."""
        assert all(each.approval is not None and each.approval.approve for each in self._forward())

    @invariant
    def deployed_at_most_once(self, run: Run) -> None:
        """A lost answer must not deploy a second time."""
        assert len(self._forward()) <= 1

    @invariant
    def the_secret_stays_secret(self, run: Run) -> None:
        """The value of the secret appears in no call, log or report: only its reference does."""
        calls = [f"{each.arguments} {each.outcome!r}" for each in run.transcript]
        seen = [*calls, *self.people.texts(), repr(run.result), *self.desktop.files.values()]
        assert not any("whsec_" in text for text in seen)
        assert all(
            call.arguments["secret_ref"].startswith("vault:")
            for call in run.calls("set_environment_variable")
        )

    @invariant
    def recovered_is_what_was_measured(self, run: Run) -> None:
        """Recovery is only told, by report, broadcast or resolved alert, while the error rate is healthy."""
        told = any(each.status == "completed" for each in self.people.broadcasts)
        if succeeded(run.result) or told:
            assert self._error_rate() <= HEALTHY
        assert all(rate <= HEALTHY for rate in self.rates_when_resolved)

    @invariant
    def no_fix_is_proposed_or_deployed_while_tests_fail(self, run: Run) -> None:
        """There is no pull request and no deployment unless the last test run that was seen passed."""
        assert tests_passed_before(run, "npm test", "create_pull_request", "deploy")

    def _forward(self) -> list[Deployment]:
        """The deployments to production that are not a way back."""
        there = [each for each in self.production.deployments if each.environment == "production"]
        return [each for each in there if each.kind != "rollback"]

    def _error_rate(self) -> float:
        return self.production.metric(SERVICE, self.production.service_on(HOST, SERVICE), "error_rate")
