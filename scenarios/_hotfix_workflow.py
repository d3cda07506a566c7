"""The reference answer to `emergency-hotfix`: find, reproduce, fix, propose, deploy once if approved, watch."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from pytest_mcpflow import Hub
from pytest_mcpflow.scenarios._delivery import Delivery, StoppedError

__all__ = ["Hotfix", "HotfixReport"]

HOST, SERVICE, FIXED = "prod-1", "payments", "2.1.1"
VARIABLE, SECRET = "STRIPE_WEBHOOK_SECRET", "vault:stripe/webhook"
REPOSITORY, BRANCH = "shop/payments", "hotfix/stripe-webhook-secret"
CODE, TEST = "src/webhook.ts", "test/webhook.test.ts"
WATCH_EVERY, WATCH_FOR, HEALTHY = 60, 900, 0.01
BUG = "const secret = process.env.STRIPE_WEBHOOK_SECRET;\n"
FIX = 'const secret = required("STRIPE_WEBHOOK_SECRET");\n'
REGRESSION_TEST = 'test("starting without STRIPE_WEBHOOK_SECRET fails", () => expect(start).toThrow());\n'


@dataclass(frozen=True)
class HotfixReport:
    """What was found, what was done, and how the error rate went: (seconds, rate) from first to last look."""

    success: bool = False
    cause: str = "unknown"
    deployed: bool = False
    approved_because: str | None = None
    pull_request: int | None = None
    error_rates: tuple[tuple[float, float], ...] = ()
    error: str | None = None

    @property
    def recovered(self) -> bool:
        return self.deployed and bool(self.error_rates) and self.error_rates[-1][1] <= HEALTHY


class Hotfix:
    """One fix that cannot wait."""

    def __init__(self, hub: Hub) -> None:
        self._hub, self._crew = hub, Delivery(hub, REPOSITORY)
        self._report = HotfixReport()

    async def run(self) -> HotfixReport:
        error = await self._crew.loudly(f"The hotfix of {SERVICE} did not get through", self._steps())
        return replace(self._report, success=error is None, error=error)

    async def _steps(self) -> None:
        alert_id = await self._crew.alert(f"{SERVICE} fails in production")
        cause = await self._find_cause()
        self._report = replace(self._report, cause=cause)
        await self._look_at_errors()
        tested = await self._fix()
        title, body = f"Emergency: {SERVICE} lacks its webhook secret", f"Cause: {cause}.\n\n{tested}"
        labels = ("emergency", "priority")
        number = await self._crew.propose(BRANCH, title, body, labels=labels, reviewers=("on-call",))
        self._report = replace(self._report, pull_request=number)
        await self._deploy()
        await self._watch()
        await self._crew.broadcast("production", SERVICE, "completed", version=FIXED)
        if alert_id is None or self._crew.untold:
            raise StoppedError("people were not told what happened")
        await self._crew.repeat("communication-hub.resolve_alert", {"alert_id": alert_id})

    async def _find_cause(self) -> str:
        logs = await self._crew.droplet("get_logs", host=HOST, service=SERVICE)
        errors = [str(line["message"]) for line in logs["lines"] if line["level"] == "ERROR"]
        cause = next((message for message in errors if message == f"{VARIABLE} is not set"), None)
        if cause is None:
            raise StoppedError(f"the log does not name a cause that is known: {errors}")
        return cause

    async def _fix(self) -> str:
        """Write the test first, see it fail, fix, see everything pass; what the tests said."""
        await self._crew.switch_to_new_branch(BRANCH)
        await self._crew.write(TEST, REGRESSION_TEST)
        if (await self._crew.run("npm test -- webhook"))["success"]:
            raise StoppedError("the regression test passes without the fix, so it tests nothing")
        await self._crew.edit(CODE, BUG, FIX)
        tested = await self._crew.must_run("npm test")
        await self._crew.commit("Fail at start without the webhook secret", CODE, TEST)
        await self._crew.push(BRANCH)
        return tested

    async def _deploy(self) -> None:
        """Only with a person's approval. An answer that never comes is looked for in what was deployed."""
        variable = {"service": SERVICE, "name": VARIABLE, "secret_ref": SECRET}
        await self._crew.droplet("set_environment_variable", host=HOST, **variable)
        try:
            await self._crew.deploy(HOST, SERVICE, FIXED, skip_staging=True)
        except Exception:
            if not await self._deployments():
                raise
        [deployment] = await self._deployments()
        reason = deployment["approval"]["reason"]
        self._report = replace(self._report, deployed=True, approved_because=reason)

    async def _deployments(self) -> list[dict[str, Any]]:
        listed = await self._crew.droplet("list_deployments", service=SERVICE)
        return [each for each in listed["result"] if (each["host"], each["version"]) == (HOST, FIXED)]

    async def _watch(self) -> None:
        """Look at the error rate until it is healthy; go back if the fix made it worse."""
        for _ in range(WATCH_FOR // WATCH_EVERY):
            await asyncio.sleep(WATCH_EVERY)
            await self._look_at_errors()
            if self._report.recovered:
                return
        (_, before), *_, (_, after) = self._report.error_rates
        if after > before:
            await self._crew.go_back(HOST, SERVICE, FIXED)
            self._report = replace(self._report, deployed=False)
        raise StoppedError(f"{after:.0%} of payments fail with the fix, {before:.0%} did before")

    async def _look_at_errors(self) -> None:
        metrics = await self._crew.droplet("get_metrics", host=HOST, service=SERVICE)
        seen = (self._hub.clock.now(), float(metrics["services"][SERVICE]["error_rate"]))
        self._report = replace(self._report, error_rates=(*self._report.error_rates, seen))
