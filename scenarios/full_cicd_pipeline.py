"""A delivery pipeline through seven servers, whose every gate is between the code and production."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_mcpflow import Hub, Run, invariant
from pytest_mcpflow.scenarios._cross_server import first_call, said
from pytest_mcpflow.scenarios._full_cicd_pipeline_workflow import (
    BACKUP_KEY,
    COMMANDS,
    IMAGE,
    PipelineReport,
    deliver,
)
from pytest_mcpflow.scenarios._full_cicd_pipeline_world import APPLY, GATES, RUN, DeliveryWorld

__all__ = ["FullCicdPipeline", "PipelineReport"]

STEPS = (
    *("quality", "build", "test", "security_scan", "staging_deploy"),
    *("integration_tests", "backup", "production_deploy", "monitoring"),
)


@dataclass
class FullCicdPipeline(DeliveryWorld):
    """Take app:latest from its code to production by way of staging, with a backup, and watch it there."""

    tags = ("cicd", "pipeline")
    depth = 2

    async def workflow(self, hub: Hub) -> PipelineReport:
        return await deliver(hub)

    def expect(self, run: Run) -> None:
        running = {name: (each.image, len(each.revisions)) for name, each in self.cluster.deployments.items()}
        assert running == {"staging/app": (IMAGE, 2), "production/app": (IMAGE, 2)}
        assert len(self.cluster.running("production", "app")) == 3
        assert {each.command for each in self.docker.containers} == {"pytest tests/ --cov=src/"}
        assert {ran.command for ran in self.desktop.history} == {*COMMANDS.values()}
        backups = [each.content for each in self.storage.objects[BACKUP_KEY]]
        assert backups == ["image: app:1.8\n", "image: app:1.9\n"]
        assert [rule.name for rule in self.monitoring.rules] == ["HighErrorRate", "SlowResponses"]
        [sent] = self.people.broadcasts
        assert (sent.environment, sent.service, sent.version) == ("production", "app", "latest")
        assert sent.status == "completed"
        assert sent.details == {"pipeline_steps": 9, "security_issues": 0, "deploy_ready": True}
        assert self.people.alerts == []
        begun = [first_call(run, site, arguments) for site, arguments, _ in GATES[:4]]
        assert len({each.at for each in begun}) == 1, "the checks of quality run at the same time"
        watching = (run.calls("setup_alerts")[0], first_call(run, RUN, {"command": COMMANDS["pods"]}))
        assert watching[0].at == watching[1].at
        assert run.transcript.before("security-scanner.bandit_scan", "docker.docker_build")
        assert run.transcript.before("docker.docker_build", "docker.docker_run")
        assert run.transcript.before("docker.docker_run", "security-scanner.container_scan")
        assert run.transcript.before("security-scanner.container_scan", APPLY)
        assert run.result == PipelineReport(True, STEPS, 0, True)

    @invariant
    def production_needs_every_gate(self, run: Run) -> None:
        """Production is not touched unless the last answer of every gate before was a good one."""
        for number, call in enumerate(run.transcript):
            if call.site == APPLY and call.arguments["namespace"] == "production":
                before = run.transcript[:number]
                for site, arguments, is_good in GATES:
                    asked = [
                        each
                        for each in before
                        if each.site == site and arguments.items() <= each.arguments.items()
                    ]
                    assert asked, f"{site} {arguments} was never asked"
                    assert asked[-1].ok, asked[-1]
                    assert is_good(said(asked[-1])), asked[-1]

    @invariant
    def production_needs_staging(self, run: Run) -> None:
        """Production is not touched, and integration tests do not run, unless the image runs on staging."""
        assert all(on_staging for on_staging, _ in self.touched)
        assert all(self.tried)

    @invariant
    def production_needs_a_backup(self, run: Run) -> None:
        """Production is not touched unless there is a backup of what runs there now."""
        assert all(backed_up for _, backed_up in self.touched)

    @invariant
    def one_broadcast(self, run: Run) -> None:
        """People hear of the outcome once."""
        assert len(self.people.broadcasts) <= 1

    @invariant
    def completed_means_running(self, run: Run) -> None:
        """A release is only said to be completed when production runs it and is watched."""
        told = any(sent.status == "completed" for sent in self.people.broadcasts)
        if told or (isinstance(run.result, PipelineReport) and run.result.success):
            assert self.cluster.deployments["production/app"].image == IMAGE
            assert len(self.cluster.running("production", "app")) == 3
            assert self.monitoring.rules

    @invariant
    def a_stop_says_how_far_it_came(self, run: Run) -> None:
        """Who is alerted of a stop is told the context and the steps that passed, if alerts get through."""
        if isinstance(run.result, PipelineReport) and run.result.stopped_at:
            about = {"context_id": run.transcript[0].context_id, "partial_results": [*run.result.passed]}
            told = [alert.severity for alert in self.people.alerts if alert.metadata == about]
            assert told == ["high"] or not all(each.ok for each in run.calls("send_alert"))

    @invariant
    def production_is_not_left_broken(self, run: Run) -> None:
        """What production cannot run with is undone once, or somebody is asked to do it by hand."""
        causes = [each.cause for each in self.cluster.deployments["production/app"].revisions]
        assert sum(cause.startswith("undo") for cause in causes) <= 1
        by_hand = any("by hand" in alert.message for alert in self.people.alerts)
        unreachable = any(not each.ok for each in run.calls("send_alert"))
        assert by_hand or unreachable or len(self.cluster.running("production", "app")) == 3
