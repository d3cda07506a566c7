"""A version on its way from the desktop over staging to production, one colour live at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow import Answer, Hub, Interaction, Question, Run, Scenario, invariant
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.fakes.droplet_executor import CommandResult, DropletExecutor
from pytest_mcpflow.scenarios._rules import AtDesk, ran_in_order, succeeded, told
from pytest_mcpflow.scenarios._staged_deployment_world import OLD, desktop, droplets
from pytest_mcpflow.scenarios._staged_workflow import (
    APPROVER,
    CHECKLIST,
    NEW,
    PRODUCTION,
    QUESTION,
    SERVICE,
    SMOKE_TESTS,
    STAGING,
    StagedReport,
    StagedRollout,
)

__all__ = ["StagedDeployment", "StagedReport"]


@dataclass
class StagedDeployment(AtDesk, Scenario):
    """Bring version 2.1.0-auth of the API to staging, and from there to both production hosts without downtime.

    Staging is `staging-droplet-01`; production is `prod-1` and `prod-2`, which serve from one colour. On
    staging, `npm run smoke` tests what runs there. Quality assurance decides what goes to production.
    """

    tags = ("deployment",)

    desktop: DesktopCommander = field(default_factory=desktop)
    droplets: DropletExecutor = field(default_factory=droplets)
    smoke: CommandResult = field(default=CommandResult("12 smoke tests passed"), repr=False)
    """What the smoke tests say of the new version."""
    outages: list[str] = field(default_factory=list[str], init=False, repr=False)

    def connect(self, hub: Hub) -> None:
        def look(changed: Interaction) -> None:
            """The smoke tests see what runs on staging; users see what is live in production."""
            staging = self.droplets.hosts[STAGING]
            if staging.services[SERVICE].version == NEW:
                staging.commands[SMOKE_TESTS] = self.smoke
            self.outages += [host for host in (STAGING, *PRODUCTION) if self._problem(host) is not None]

        hub.on_effect("droplet-executor.*", look)

    async def workflow(self, hub: Hub) -> StagedReport:
        return await StagedRollout(hub).run()

    def answer(self, question: Question) -> Answer:
        return {"approve": True, "reason": "tested by hand"}

    def expect(self, run: Run) -> None:
        assert "dist/app.js" in self.desktop.files
        assert ran_in_order(self.desktop, ("npm run build", 0))
        assert ran_in_order(self.desktop, ("npm test", 0))
        staged, *installed_and_live = [(each.kind, each.host) for each in self.droplets.deployments]
        assert (staged, self.outages) == (("rolling", STAGING), [])
        assert sorted(installed_and_live[:2]) == [("blue-green", host) for host in PRODUCTION]
        assert sorted(installed_and_live[2:]) == [("switch", host) for host in PRODUCTION]
        assert {each.version for each in self.droplets.deployments} == {NEW}
        for host in PRODUCTION:
            live = self.droplets.service_on(host, SERVICE)
            assert (live.live_colour, live.version, live.idle_version) == ("green", NEW, OLD)
        commands = [ran.command for ran in self.droplets.hosts[STAGING].command_log]
        assert list(dict.fromkeys(commands)) == ["git pull --ff-only", SMOKE_TESTS]
        assert [(each.question, each.approver, each.approved) for each in self.people.approvals] == [
            (QUESTION, APPROVER, True)
        ]
        assert [sent.message for sent in self.people.notifications] == [
            f"Staging runs {SERVICE} {NEW} and all health checks passed; ready for production after QA approval"
        ]
        assert [(each.environment, each.status, each.version) for each in self.people.broadcasts] == [
            ("production", "completed", NEW)
        ]
        checklist = self.desktop.files[CHECKLIST]
        assert NEW in checklist
        assert checklist.count("- [x]") == 6
        assert "[ ]" not in checklist
        assert run.transcript.before("desktop-commander.execute_command", "droplet-executor.deploy")
        assert run.transcript.before("request_approval", "switch_live_colour")
        beside = [each for each in run.calls("deploy") if each.arguments["host"] in PRODUCTION]
        assert beside[0].at == beside[1].at
        assert run.seconds >= 300
        assert run.result == StagedReport(True, NEW, "tested by hand")

    @invariant
    def production_waits_for_staging(self, run: Run) -> None:
        """Nothing changes in production unless the smoke tests on staging were seen to pass before."""
        passed = False
        for each in run.transcript:
            if each.name == "run_command" and each.arguments["command"] == SMOKE_TESTS:
                passed = told(each, "exit_code") == 0
            assert passed or not each.effect or each.arguments.get("host") not in PRODUCTION, each.call

    @invariant
    def production_waits_for_approval(self, run: Run) -> None:
        """Nothing changes in production unless quality assurance said yes."""
        touched = [each for each in self.droplets.deployments if each.environment == "production"]
        assert not touched or any(each.approved for each in self.people.approvals)

    @invariant
    def one_live_colour(self, run: Run) -> None:
        """All of production serves from the same colour, unless an alert says that it does not."""
        colours = {self.droplets.hosts[host].services[SERVICE].live_colour for host in PRODUCTION}
        assert len(colours) == 1 or any(
            "switch back by hand" in alert.message for alert in self.people.alerts
        )

    @invariant
    def production_always_answers(self, run: Run) -> None:
        """What is live answers its health checks, at every instant."""
        assert not {*self.outages} & {*PRODUCTION}

    @invariant
    def a_failed_rollout_goes_back(self, run: Run) -> None:
        """Unless the new version is reported, production serves the old one, or an alert says that it does not."""
        live = {self.droplets.hosts[host].services[SERVICE].version for host in PRODUCTION}
        told = any("switch back by hand" in alert.message for alert in self.people.alerts)
        assert getattr(run.result, "version", None) == NEW or live == {OLD} or told

    @invariant
    def success_is_what_production_serves(self, run: Run) -> None:
        """Success is only told, to the caller or to everybody, while all of production serves the new version."""
        completed = any(each.status == "completed" for each in self.people.broadcasts)
        if succeeded(run.result) or completed:
            assert all(self.droplets.hosts[host].services[SERVICE].version == NEW for host in PRODUCTION)

    def _problem(self, host: str) -> str | None:
        return self.droplets.problem(SERVICE, self.droplets.hosts[host].services[SERVICE])
