"""A fix that cannot wait for staging: only with an approval, once, and watched afterwards."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from pytest_mcpflow import Answer, CallResult, Elicitation, Hub, Question, Run, Scenario, invariant
from pytest_mcpflow.fakes.communication_hub import CommunicationHub
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.droplet_executor import DropletExecutor, Host, LogLine, Release, Service
from pytest_mcpflow.fakes.github import GitHub, Protection, Repository, repository

__all__ = ["EmergencyHotfix", "HotfixReport"]

HOST, SERVICE, BROKEN, FIXED = "prod-1", "payments", "2.1.0", "2.1.1"
VARIABLE, SECRET = "STRIPE_WEBHOOK_SECRET", "vault:stripe/webhook"
BRANCH = "hotfix/stripe-webhook-secret"
WATCH_EVERY, WATCH_FOR, HEALTHY = 60, 900, 0.01
_MAIN = {
    "src/webhook.ts": "const secret = process.env.STRIPE_WEBHOOK_SECRET;\nverify(payload, secret);\n",
}
_FIX = 'const secret = required("STRIPE_WEBHOOK_SECRET");\n'
_TEST = 'test("starting without STRIPE_WEBHOOK_SECRET fails", () => expect(start).toThrow());\n'


@dataclass(frozen=True)
class HotfixReport:
    """What was found, what was done, and how the error rate went: (seconds, rate) from first to last look."""

    cause: str
    deployed: bool
    approved_because: str | None
    pull_request: int | None
    error_rates: tuple[tuple[float, float], ...] = ()
    error: str | None = None

    @property
    def recovered(self) -> bool:
        return self.deployed and bool(self.error_rates) and self.error_rates[-1][1] <= HEALTHY


def _production() -> DropletExecutor:
    lines = [
        LogLine("2025-12-31T23:58:00Z", "ERROR", f"{VARIABLE} is not set"),
        LogLine("2025-12-31T23:59:00Z", "ERROR", "webhook signature cannot be verified, payment rejected"),
    ]
    # Both versions need the variable; the new one says so when it starts and not at the first payment.
    return DropletExecutor(
        hosts={
            HOST: Host(services={SERVICE: Service(BROKEN, logs=lines)}),
            "staging-1": Host("staging", services={SERVICE: Service(BROKEN)}),
        },
        releases={
            SERVICE: {
                BROKEN: Release(requires=(VARIABLE,), error_rate_when_unset=0.4),
                FIXED: Release(requires=(VARIABLE,), error_rate_when_unset=0.4),
            }
        },
    )


def _desktop() -> DesktopCommander:
    return DesktopCommander(
        files={**_MAIN},
        scripts=[
            Script(
                "npm test*",
                stdout="Tests: 48 passed",
                requires={
                    "src/webhook.ts": 'required("STRIPE_WEBHOOK_SECRET")',
                    "test/webhook.test.ts": "toThrow",
                },
            )
        ],
    )


def _hosting() -> GitHub:
    hosted: Repository = repository(_MAIN)
    hosted.protection["main"] = Protection(required_checks=["test"])
    hosted.new_checks = {"test": "success"}
    return GitHub(repositories={"shop/payments": hosted})


@dataclass
class EmergencyHotfix(Scenario):
    """Payments fail in production. Find the cause, fix it with a test, and deploy now, without staging if approved."""

    tags = ("deployment", "incident")

    production: DropletExecutor = field(default_factory=_production)
    desktop: DesktopCommander = field(default_factory=_desktop)
    hosting: GitHub = field(default_factory=_hosting)
    people: CommunicationHub = field(default_factory=CommunicationHub)

    async def workflow(self, hub: Hub) -> HotfixReport:
        return await _Hotfix(hub).run()

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
        assert "required(" in self.desktop.files["src/webhook.ts"]
        assert self.desktop.files["test/webhook.test.ts"] == _TEST
        assert [
            (ran.command, ran.exit_code) for ran in self.desktop.history if ran.command.startswith("npm")
        ] == [
            ("npm test -- webhook", 1),
            ("npm test", 0),
        ]
        repo = self.hosting.repositories["shop/payments"]
        assert repo.branches[BRANCH].files["test/webhook.test.ts"] == _TEST
        [pull] = repo.pull_requests
        assert (pull.head, pull.base, pull.labels) == (BRANCH, "main", ["emergency", "priority"])
        assert pull.reviewers == ["on-call"]
        assert "Tests: 48 passed" in pull.body
        [deploy] = run.calls("droplet-executor.deploy")
        assert [asked.question for asked in deploy.asked] == [
            f"Deploy {SERVICE} {FIXED} to production host {HOST} without staging?"
        ]
        assert run.transcript.before("droplet-executor.get_logs", "desktop-commander.edit_block")
        assert run.transcript.before("github.create_pull_request", "droplet-executor.deploy")
        assert self.production.metric(SERVICE, payments, "error_rate") == 0
        assert [alert.severity for alert in self.people.alerts] == ["critical"]
        assert self.people.broadcasts[-1].status == "completed"
        assert run.result.cause == f"{VARIABLE} is not set"
        assert run.result.recovered
        assert run.result.error_rates[0][1] == 0.4
        assert run.result.pull_request == pull.number

    @invariant
    def no_production_deploy_without_approval(self, run: Run) -> None:
        """What was never on staging goes to production only with a person's approval."""
        assert all(
            each.approval is not None and each.approval.approve for each in self.production.deployments
        )

    @invariant
    def deployed_at_most_once(self, run: Run) -> None:
        """A lost answer must not deploy a second time."""
        assert len(self.production.deployments) <= 1

    @invariant
    def the_secret_stays_secret(self, run: Run) -> None:
        """The value of the secret appears in no call, log or report: only its reference does."""
        seen = [str(run.transcript), *self.people.texts(), repr(run.result), *self.desktop.files.values()]
        assert not any("whsec_" in text for text in seen)
        assert all(
            call.arguments["secret_ref"].startswith("vault:")
            for call in run.calls("set_environment_variable")
        )

    @invariant
    def recovered_is_what_was_measured(self, run: Run) -> None:
        """Recovery is only reported while the error rate is healthy."""
        if isinstance(run.result, HotfixReport) and run.result.recovered:
            payments = self.production.service_on(HOST, SERVICE)
            assert self.production.metric(SERVICE, payments, "error_rate") <= HEALTHY


class _Hotfix:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def run(self) -> HotfixReport:
        cause = await self._find_cause()
        pull_request: int | None = None
        rates: list[tuple[float, float]] = []
        try:
            await self._alert("critical", f"{SERVICE} fails in production: {cause}")
            rates.append(await self._error_rate())
            tested = await self._fix()
            pull_request = await self._open_pull_request(cause, tested)
            deployment = await self._deploy()
            rates += await self._watch()
        except Exception as error:
            await self._alert("critical", f"The hotfix of {SERVICE} did not get through: {error}")
            return HotfixReport(cause, False, None, pull_request, tuple(rates), str(error))
        report = HotfixReport(cause, True, deployment["approval"]["reason"], pull_request, tuple(rates))
        status = "completed" if report.recovered else "failed"
        await self._call(
            "communication-hub.broadcast_deployment",
            environment="production",
            service=SERVICE,
            status=status,
            version=FIXED,
        )
        return report

    async def _find_cause(self) -> str:
        logs = await self._call("droplet-executor.get_logs", host=HOST, service=SERVICE)
        errors = [line["message"] for line in logs["lines"] if line["level"] == "ERROR"]
        return next((message for message in errors if message.endswith("is not set")), "unknown")

    async def _fix(self) -> str:
        """Write the test first, see it fail, fix, see everything pass; what the tests said."""
        await self._call("desktop-commander.execute_command", command=f"git checkout -b {BRANCH}")
        await self._call("desktop-commander.write_file", path="test/webhook.test.ts", content=_TEST)
        reproduced = await self._call("desktop-commander.execute_command", command="npm test -- webhook")
        if reproduced["success"]:
            raise RuntimeError("the regression test passes without the fix, so it tests nothing")
        old = "const secret = process.env.STRIPE_WEBHOOK_SECRET;\n"
        await self._call(
            "desktop-commander.edit_block", file_path="src/webhook.ts", old_string=old, new_string=_FIX
        )
        tested = await self._call("desktop-commander.execute_command", command="npm test")
        if not tested["success"]:
            raise RuntimeError(f"tests fail with the fix: {tested['stderr']}")
        commit = 'git add . && git commit -m "Fail at start without the webhook secret"'
        await self._call("desktop-commander.execute_command", command=commit)
        return str(tested["stdout"])

    async def _open_pull_request(self, cause: str, tested: str) -> int:
        repo = {"owner": "shop", "repo": "payments"}
        await self._call("github.create_branch", **repo, branch=BRANCH)
        paths = ("src/webhook.ts", "test/webhook.test.ts")
        read = [await self._call("desktop-commander.read_file", path=path) for path in paths]
        files = [{"path": path, "content": each["result"]} for path, each in zip(paths, read, strict=True)]
        await self._call(
            "github.push_files",
            **repo,
            branch=BRANCH,
            files=files,
            message="Fail at start without the secret",
        )
        opened = await self._call(
            "github.create_pull_request",
            **repo,
            title=f"Emergency: {SERVICE} lacks its webhook secret",
            head=BRANCH,
            base="main",
            body=f"Cause: {cause}.\n\n{tested}",
            labels=["emergency", "priority"],
            reviewers=["on-call"],
        )
        return int(opened["number"])

    async def _deploy(self) -> CallResult:
        await self._call(
            "droplet-executor.set_environment_variable",
            host=HOST,
            service=SERVICE,
            name=VARIABLE,
            secret_ref=SECRET,
        )
        # The key makes a repeated request the same deployment; skipping staging asks a person.
        return await self._call(
            "droplet-executor.deploy",
            host=HOST,
            service=SERVICE,
            version=FIXED,
            skip_staging=True,
            idempotency_key=f"{BRANCH}@{FIXED}",
        )

    async def _watch(self) -> list[tuple[float, float]]:
        """Look at the error rate until it is healthy, for a quarter of an hour at most."""
        rates: list[tuple[float, float]] = []
        for _ in range(WATCH_FOR // WATCH_EVERY):
            await asyncio.sleep(WATCH_EVERY)
            rates.append(await self._error_rate())
            if rates[-1][1] <= HEALTHY:
                break
        return rates

    async def _error_rate(self) -> tuple[float, float]:
        metrics = await self._call("droplet-executor.get_metrics", host=HOST, service=SERVICE)
        return self._hub.clock.now(), float(metrics["services"][SERVICE]["error_rate"])

    async def _alert(self, severity: str, message: str) -> None:
        await self._call("communication-hub.send_alert", message=message, severity=severity)

    async def _call(self, tool: str, **arguments: Any) -> CallResult:
        return await self._hub.call_tool(tool, arguments)
