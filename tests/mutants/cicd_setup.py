"""Wrong ways to set the pipeline up, and the check of the scenario that must say so."""

from __future__ import annotations

from typing import Any

from common_mistakes import commit_everything, unheard
from tampering import Send, answer, tampered

from pytest_mcpflow import CallResult, Hub, Workflow
from pytest_mcpflow.scenarios._pipeline_files import PIPELINE_PATH
from pytest_mcpflow.scenarios._pipeline_workflow import PipelineReport
from pytest_mcpflow.scenarios.cicd_setup import CicdSetup

__all__ = ["MUTANTS", "break_the_file"]

reference = CicdSetup().workflow


async def keep_the_token_handy(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Stores a secret as a variable, too, where everybody can read it."""
    if name.endswith("set_secret"):
        await send("github.set_variable", arguments)
    return await send(name, arguments)


async def believe_in_secrets(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Takes secrets for stored."""
    if name.endswith("set_secret"):
        return answer({"result": arguments["name"]})
    if name.endswith("list_secrets"):
        return answer({"result": ["DEPLOY_KEY", "SLACK_WEBHOOK_URL"]})
    return await send(name, arguments)


async def break_the_file(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Lets a job wait for one that does not exist."""
    if arguments.get("path") == PIPELINE_PATH:
        arguments["content"] = arguments["content"].replace("needs: build", "needs: bild")
    return await send(name, arguments)


async def break_the_file_and_merge(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """The same, without asking what GitHub thinks of it."""
    result = await break_the_file(name, arguments, send)
    if name.endswith("list_workflows"):
        return answer({"result": [{**each, "state": "active"} for each in result["result"]]})
    return result


async def go_all_the_way(hub: Hub) -> object:
    """Turns production on, too."""
    report = await reference(hub)
    await hub.call_tool("github.merge_pull_request", {"owner": "shop", "repo": "api", "pull_number": 2})
    return report


async def claim(hub: Hub) -> PipelineReport:
    """Says that all is set up, and names nothing."""
    await hub.call_tool("github.list_environments", {"owner": "shop", "repo": "api"})
    return PipelineReport(success=True)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "keep the token handy": (
        tampered(reference, keep_the_token_handy),
        "secrets_only_go_to_the_secrets_tool",
    ),
    "believe in secrets": (tampered(reference, believe_in_secrets), "partial_setup_is_named"),
    "break the file and merge": (tampered(reference, break_the_file_and_merge), "what_is_merged_is_valid"),
    "go all the way": (go_all_the_way, "production_waits_for_a_person"),
    "claim": (claim, "success_is_a_pipeline_that_ran"),
    "commit everything": (tampered(reference, commit_everything), "the_secret_stays_on_the_desktop"),
    "fail unheard": (tampered(reference, unheard("set_secret")), "a_failure_is_heard"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
