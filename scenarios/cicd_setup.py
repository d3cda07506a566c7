"""A pipeline from lint to deployment, with its secrets and targets, tried out before anybody relies on it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Interaction, Run, Scenario, invariant
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.fakes.droplet_executor import DropletExecutor
from pytest_mcpflow.fakes.github import GitHub, WorkflowFile, WorkflowRun
from pytest_mcpflow.scenarios._cicd_setup_world import (
    DEVELOP,
    KEYS,
    MAIN,
    PUBLIC,
    SLACK,
    desktop,
    droplets,
    hosting_before,
)
from pytest_mcpflow.scenarios._pipeline_files import (
    DEPLOY_SCRIPT,
    HEALTH_ENDPOINT,
    HEALTH_PATH,
    PIPELINE_PATH,
    SCRIPT_PATH,
)
from pytest_mcpflow.scenarios._pipeline_workflow import (
    ADD_USER,
    AUTHORIZED_KEYS,
    BRANCH,
    EVENTS,
    HOST_VARIABLE,
    IS_ACTIVE,
    KEY_SECRET,
    REPOSITORY,
    SLACK_SECRET,
    TARGETS,
    WEBHOOK,
    PipelineReport,
    PipelineSetup,
    key_file,
)
from pytest_mcpflow.scenarios._rules import Guarded, succeeded
from pytest_mcpflow.scenarios._worlds import connect_remote

__all__ = ["CicdSetup", "PipelineReport"]


@dataclass
class CicdSetup(Guarded, Scenario):
    """Set up CI/CD: lint, test, scan and build every change, deploy develop to staging and main to production.

    The checkout's remote is `shop/api`, with `main` and `develop`; staging is `staging-1`, production `prod-1`.
    Slack's webhook is in `.deploy/slack-webhook` on the desktop, which may make deployment keys beside it.
    """

    tags = ("cicd",)

    desktop: DesktopCommander = field(default_factory=desktop)
    hosting: GitHub = field(default_factory=hosting_before)
    droplets: DropletExecutor = field(default_factory=droplets)

    def connect(self, hub: Hub) -> None:
        def run_pipeline(merged: Interaction) -> None:
            """A merge to develop runs the pipeline, which deploys if it finds all that it needs."""
            repo = self.hosting.repositories[REPOSITORY]
            [pull] = [each for each in repo.pull_requests if each.number == merged.arguments["pull_number"]]
            environment = {"develop": "staging", "main": "production"}[pull.base]
            done = self._can_deploy(environment)
            repo.workflow_runs.append(WorkflowRun("ci-cd", pull.base, "success" if done else "failure"))

        connect_remote(hub, self.desktop, self.hosting.repositories[REPOSITORY])
        hub.on_effect("github.merge_pull_request", run_pipeline)

    async def workflow(self, hub: Hub) -> PipelineReport:
        return await PipelineSetup(hub).run()

    def expect(self, run: Run) -> None:
        [workflow] = self.hosting.list_workflows("shop", "api", "develop")
        self._expect_pipeline(workflow)
        repo = self.hosting.repositories[REPOSITORY]
        assert repo.environments == {"staging": [], "production": ["lead"]}
        assert repo.secrets == {
            **{f"{each}/{KEY_SECRET}": _digest(KEYS[each]) for each in TARGETS},
            SLACK_SECRET: _digest(SLACK),
        }
        assert repo.variables == {f"{each}/{HOST_VARIABLE}": host for each, host in TARGETS.items()}
        assert [(hook.url, hook.events) for hook in repo.webhooks] == [(WEBHOOK, EVENTS)]
        for environment, host in TARGETS.items():
            machine = self.droplets.hosts[host]
            assert {ADD_USER, IS_ACTIVE} == {ran.command for ran in machine.command_log}
            assert machine.files == {
                AUTHORIZED_KEYS: PUBLIC[environment],
                SCRIPT_PATH: DEPLOY_SCRIPT,
                HEALTH_PATH: HEALTH_ENDPOINT,
            }
            assert key_file(environment) not in self.desktop.files
        assert all(part in DEPLOY_SCRIPT for part in ("rollback", "/health"))
        assert "/health" in HEALTH_ENDPOINT
        assert repo.workflow_runs == [WorkflowRun("ci-cd", "develop", "success")]
        assert {*repo.branches["develop"].files} == {*DEVELOP, PIPELINE_PATH}
        trial, release = repo.pull_requests
        assert (trial.head, trial.base, trial.merged) == (BRANCH, "develop", True)
        assert [check.name for check in trial.checks] == ["lint", "test", "security-scan"]
        assert (release.head, release.base, release.state, release.reviewers) == (
            *("develop", "main", "open"),
            ["lead"],
        )
        assert [sent.channels for sent in self.people.notifications] == [["slack"]]
        report = run.result
        assert (report.success, report.missing, report.pull_requests) == (True, (), (1, 2))
        assert {*report.configured} == {*self._pieces()}

    @staticmethod
    def _expect_pipeline(workflow: WorkflowFile) -> None:
        assert (workflow.path, workflow.state, workflow.error) == (PIPELINE_PATH, "active", None)
        assert workflow.triggers == {"pull_request": [], "push": ["develop", "main"]}
        jobs = {job.name: job for job in workflow.jobs}
        assert {name: job.needs for name, job in jobs.items()} == {
            "lint": [],
            "test": ["lint"],
            "security-scan": ["lint"],
            "build": ["test", "security-scan"],
            "deploy-staging": ["build"],
            "deploy-production": ["build"],
        }
        assert {name: job.environment for name, job in jobs.items() if job.environment} == {
            f"deploy-{each}": each for each in TARGETS
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
            pieces = self._pieces()
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
        repo = self.hosting.repositories[REPOSITORY]
        assert repo.branches["main"].files == MAIN
        assert self.droplets.deployments == []

    @invariant
    def success_is_a_pipeline_that_ran(self, run: Run) -> None:
        """Success is only told when the pipeline itself deployed to staging."""
        if succeeded(run.result):
            runs = self.hosting.repositories[REPOSITORY].workflow_runs
            assert WorkflowRun("ci-cd", "develop", "success") in runs

    def _can_deploy(self, environment: str) -> bool:
        """Whether the pipeline can log in, has a script to call, and an endpoint to ask."""
        repo, machine = self.hosting.repositories[REPOSITORY], self.droplets.hosts[TARGETS[environment]]
        digest = repo.secrets.get(f"{environment}/{KEY_SECRET}")
        return (
            digest == _digest(KEYS[environment])
            and repo.variables.get(f"{environment}/{HOST_VARIABLE}") == TARGETS[environment]
            and machine.files.get(AUTHORIZED_KEYS) == PUBLIC[environment]
            and {SCRIPT_PATH, HEALTH_PATH} <= {*machine.files}
            and ADD_USER in [ran.command for ran in machine.command_log]
        )

    def _pieces(self) -> dict[str, bool]:
        """Every piece, and whether it is there."""
        repo = self.hosting.repositories[REPOSITORY]
        pieces = {
            "workflow file": BRANCH in repo.branches and PIPELINE_PATH in repo.branches[BRANCH].files,
            f"secret {SLACK_SECRET}": SLACK_SECRET in repo.secrets,
            "webhook": any(hook.url == WEBHOOK for hook in repo.webhooks),
        }
        for each, host in TARGETS.items():
            pieces[f"environment {each}"] = each in repo.environments
            pieces[f"secret {each}/{KEY_SECRET}"] = f"{each}/{KEY_SECRET}" in repo.secrets
            pieces[f"variable {each}/{HOST_VARIABLE}"] = f"{each}/{HOST_VARIABLE}" in repo.variables
            files = self.droplets.hosts[host].files
            pieces[f"target {host}"] = {AUTHORIZED_KEYS, SCRIPT_PATH, HEALTH_PATH} == {*files}
        return pieces


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
