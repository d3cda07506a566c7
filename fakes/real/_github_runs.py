"""The tools of `pytest_mcpflow.fakes.real.github_mcp_server` about what runs on a repository."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pytest_mcpflow.fake import FakeError, Omittable, tool
from pytest_mcpflow.fakes.real._github_api import Api, page_of, written
from pytest_mcpflow.fakes.real._github_words import ANY_STATUS, JobsFilter, RunsFilter
from pytest_mcpflow.plain_yaml import Yaml


@dataclass
class RunTools(Api):
    """Workflows and their runs."""

    @tool(reads=True, name="actions_list")
    def tool_actions_list(
        self,
        method: Literal[
            "list_workflows", "list_workflow_runs", "list_workflow_jobs", "list_workflow_run_artifacts"
        ],
        owner: str,
        repo: str,
        resource_id: Omittable[str] = None,
        workflow_runs_filter: Omittable[RunsFilter] = None,
        workflow_jobs_filter: Omittable[JobsFilter] = None,
        page: Omittable[float] = None,
        per_page: Omittable[float] = None,
    ) -> str:
        """List the workflows of the default branch, or their runs."""
        what = method.removeprefix("list_").replace("_", " ")
        with self.doing(f"list {what}", f"GET repos/{owner}/{repo}/actions/{method.removeprefix('list_')}"):
            runs = self.repository_of(owner, repo).workflow_runs
            workflows = self.list_workflows(owner, repo)
        if method == "list_workflows":
            items: list[Yaml] = [
                {"id": count, "name": each.name, "path": each.path, "state": each.state}
                for count, each in enumerate(workflows, 1)
            ]
            return written({"total_count": len(items), "workflows": page_of(items, page, per_page)})
        if method != "list_workflow_runs":
            raise FakeError(f"failed to list {what}: this account keeps runs, and not what is in them")
        asked = workflow_runs_filter or RunsFilter()
        if asked.actor or asked.event or asked.status not in (ANY_STATUS, "completed"):
            raise FakeError(
                "failed to list workflow runs: this account keeps the branch and the conclusion of a run"
            )
        ids = {each.name: count for count, each in enumerate(workflows, 1)}
        found: list[Yaml] = [
            {
                "id": count,
                "name": run.workflow,
                "workflow_id": ids.get(run.workflow, 0),
                "run_number": count,
                "run_attempt": 1,
                "status": "completed",
                "conclusion": run.conclusion,
                "head_branch": run.branch,
            }
            for count, run in enumerate(runs, 1)
            if asked.branch in ("", run.branch)
            if resource_id in (None, "", str(ids.get(run.workflow, 0)))
        ]
        found.reverse()
        return written({"total_count": len(found), "workflow_runs": page_of(found, page, per_page)})
