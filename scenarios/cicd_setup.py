"""A pipeline from lint to deployment, with its secrets and targets, tried out before anybody relies on it."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_mcpflow import Hub, Run, Scenario, invariant
from pytest_mcpflow.fakes.github import WorkflowFile
from pytest_mcpflow.scenarios import _pipeline_workflow as work
from pytest_mcpflow.scenarios._cicd_setup_world import (
    DEPLOYED,
    DEVELOP,
    KEYS,
    MAIN,
    NEXT,
    PUBLIC,
    SECRETS,
    SLACK,
    ManualDeployments,
)
from pytest_mcpflow.scenarios._pipeline_files import (
    HEALTH_PATH,
    PIPELINE_PATH,
    SCRIPT_PATH,
)
from pytest_mcpflow.scenarios._pipeline_workflow import TARGETS, PipelineReport, PipelineSetup
from pytest_mcpflow.scenarios._rules import lacking, succeeded

__all__ = ["CicdSetup", "PipelineReport"]

STAGES: dict[str, tuple[list[str], str]] = {
    "lint": ([], "npm run lint"),
    "test": (["lint"], "npm test"),
    "security-scan": (["lint"], "npm audit --audit-level=high"),
    "build": (["test", "security-scan"], "npm run build"),
    "deploy-staging": (["build"], "ssh deploy@${{ vars.DEPLOY_HOST }} ./deploy.sh ${{ github.sha }}"),
    "deploy-production": (["build"], "ssh deploy@${{ vars.DEPLOY_HOST }} ./deploy.sh ${{ github.sha }}"),
}
"""Each job of the pipeline, those it waits for, and what it runs."""
MACHINES_SAY = {SCRIPT_PATH: ("rollback", "/health"), HEALTH_PATH: ("location = /health",)}


@dataclass
class CicdSetup(ManualDeployments, Scenario):
    """Set up CI/CD: lint, test, scan and build every change, deploy develop to staging and main to production.

    The checkout's remote is `shop/api`, with `main` and `develop`; staging is `staging-1`, production `prod-1`.
    Slack's webhook is in `.deploy/slack-webhook` on the desktop, which may make deployment keys beside it.
    """

    tags = ("cicd",)

    async def workflow(self, hub: Hub) -> PipelineReport:
        return await PipelineSetup(hub).run()

    def expect(self, run: Run) -> None:
        [workflow] = self.hosting.list_workflows("shop", "api", "develop")
        self._expect_pipeline(workflow)
        repo = self.repository()
        assert repo.environments == {"staging": [], "production": ["lead"]}
        assert repo.secrets == SECRETS
        assert repo.variables == {f"{each}/{work.HOST_VARIABLE}": host for each, host in TARGETS.items()}
        assert [(hook.url, hook.events) for hook in repo.webhooks] == [(work.WEBHOOK, work.EVENTS)]
        for environment, host in TARGETS.items():
            machine = self.droplets.hosts[host]
            assert {work.ADD_USER, work.IS_ACTIVE} == {ran.command for ran in machine.command_log}
            assert {*machine.files} == {work.AUTHORIZED_KEYS, *MACHINES_SAY}
            assert machine.files[work.AUTHORIZED_KEYS] == PUBLIC[environment]
            assert lacking(machine.files, MACHINES_SAY) == []
            assert work.key_file(environment) not in self.desktop.files
        assert repo.workflow_runs == [DEPLOYED]
        assert {*repo.branches["develop"].files} == {*DEVELOP, PIPELINE_PATH}
        trial, release = repo.pull_requests
        assert (trial.head, trial.base, trial.merged) == (work.BRANCH, "develop", True)
        assert [check.name for check in trial.checks] == ["lint", "test", "security-scan"]
        assert NEXT in {
            commit.sha for commit in repo.branches[work.BRANCH].commits
        }  # tried on what develop has
        assert (release.head, release.base, release.state) == ("develop", "main", "open")
        assert release.reviewers == ["lead"]
        assert [sent.channels for sent in self.people.notifications] == [["slack"]]
        report = run.result
        assert (report.success, report.missing, report.pull_requests) == (True, (), (1, 2))
        assert {*report.configured} == {*self.pieces()}

    @staticmethod
    def _expect_pipeline(workflow: WorkflowFile) -> None:
        assert (workflow.path, workflow.state, workflow.error) == (PIPELINE_PATH, "active", None)
        assert workflow.triggers == {"pull_request": [], "push": ["develop", "main"]}
        jobs = {job.name: job for job in workflow.jobs}
        assert {name: job.needs for name, job in jobs.items()} == {
            name: needs for name, (needs, _) in STAGES.items()
        }
        assert [name for name, (_, command) in STAGES.items() if command not in jobs[name].steps] == []
        assert {job.environment: name for name, job in jobs.items() if job.environment} == {
            each: f"deploy-{each}" for each in TARGETS
        }
        assert jobs["deploy-staging"].condition == "github.ref == 'refs/heads/develop'"
        assert jobs["deploy-production"].condition == "github.ref == 'refs/heads/main'"
        for name, job in jobs.items():
            assert "notify-slack" in job.steps[-1]
            assert job.conditions[-1] == "always()"
            assert ("failure()" in job.conditions) == name.startswith("deploy-")
            assert any("rollback" in step for step in job.steps) == name.startswith("deploy-")

    @invariant
    def secrets_only_go_to_the_secrets_tool(self, run: Run) -> None:
        """No key or token is sent anywhere but to `set_secret`, nor told, committed, or reported."""
        values = [value.strip() for value in (*KEYS.values(), SLACK)]
        sent = [str(each.arguments) for each in run.transcript if each.site != "github.set_secret"]
        kept = [str(commit.files) for commit in self.desktop.repository.commits.values()]
        kept += [str(host.files) for host in self.droplets.hosts.values()]
        kept += [f"{each.variables} {each.branches}" for each in self.hosting.repositories.values()]
        told = [*self.people.texts(), repr(run.result)]
        assert [text for text in (*sent, *kept, *told) if any(value in text for value in values)] == []

    @invariant
    def partial_setup_is_named(self, run: Run) -> None:
        """A report names what is there and what is not, and nothing that is missing counts as there."""
        if isinstance(run.result, PipelineReport):
            pieces = self.pieces()
            assert {*run.result.configured, *run.result.missing} == {*pieces}
            assert [name for name in run.result.configured if not pieces[name]] == []

    @invariant
    def what_is_merged_is_valid(self, run: Run) -> None:
        """No branch that deploys has a workflow file which GitHub does not understand."""
        for branch in ("develop", "main"):
            files = self.hosting.list_workflows("shop", "api", branch)
            assert [each.error for each in files if each.state == "invalid"] == []

    @invariant
    def production_waits_for_a_person(self, run: Run) -> None:
        """The set-up itself merges nothing to main and deploys nothing to production."""
        assert self.repository().branches["main"].files == MAIN
        assert self.droplets.deployments == []

    @invariant
    def success_is_a_pipeline_that_ran(self, run: Run) -> None:
        """Success is only told when the pipeline itself deployed to staging."""
        if succeeded(run.result):
            assert DEPLOYED in self.repository().workflow_runs
