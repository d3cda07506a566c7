"""Wrong delivery pipelines, and the check of the scenario that must say so."""

from __future__ import annotations

import asyncio
from typing import Any

from common_mistakes import one_after_the_other
from tampering import Send, Tamper, answer, tampered

from pytest_mcpflow import CallResult, Hub, ToolError, Workflow
from pytest_mcpflow.scenarios._full_cicd_pipeline_workflow import COMMANDS, IMAGE, PipelineReport
from pytest_mcpflow.scenarios._full_cicd_pipeline_world import RUN
from pytest_mcpflow.scenarios.full_cicd_pipeline import FullCicdPipeline

__all__ = ["MUTANTS", "as_documented"]

PRODUCTION = {"manifest_path": "k8s/production/", "namespace": "production"}
WAIT = COMMANDS["pods"]


async def as_documented(hub: Hub) -> dict[str, Any]:
    """The pipeline in the documents' own style: what the quality checks say is gathered, and never looked at."""
    context_id, results = "documented", dict[str, Any]()
    hub.create_context(context_id)
    checks = [
        hub.call_tool("security-scanner.bandit_scan", {"path": "src/"}, context_id),
        hub.call_tool("security-scanner.npm_audit", {"package_json_path": "package.json"}, context_id),
        hub.call_tool("desktop-commander.execute_command", {"command": COMMANDS["black"]}, context_id),
        hub.call_tool("desktop-commander.execute_command", {"command": COMMANDS["mypy"]}, context_id),
    ]
    results["quality"] = await asyncio.gather(*checks, return_exceptions=True)
    built = await hub.call_tool(
        "docker.docker_build", {"dockerfile_path": "Dockerfile", "image_tag": IMAGE}, context_id
    )
    if built.get("success"):
        tests = {"image": IMAGE, "command": "pytest tests/ --cov=src/", "volumes": ["/workspace:/app"]}
        results["test"] = await hub.call_tool("docker.docker_run", tests, context_id)
    scan = await hub.call_tool("security-scanner.container_scan", {"image": IMAGE}, context_id)
    ready = results.get("test", {}).get("success", False) and len(scan.get("vulnerabilities", [])) == 0
    if ready:
        staging = {"manifest_path": "k8s/staging/", "namespace": "staging"}
        await hub.call_tool("kubernetes.kubectl_apply", staging, context_id)
        integration = {"command": COMMANDS["integration tests"]}
        tested = await hub.call_tool("desktop-commander.execute_command", integration, context_id)
        if tested.get("success"):
            backup = {"environment": "production", "service": "app"}
            await hub.call_tool("s3-storage.backup_deployment", backup, context_id)
            results["production"] = await hub.call_tool("kubernetes.kubectl_apply", PRODUCTION, context_id)
            rules = {"service": "app", "environment": "production"}
            await asyncio.gather(
                hub.call_tool("prometheus-monitoring.setup_alerts", rules, context_id),
                hub.call_tool("desktop-commander.execute_command", {"command": WAIT}, context_id),
            )
    done = results.get("production", {}).get("success", False)
    release = {"environment": "production" if done else "staging", "service": "app", "version": "latest"}
    status = {"status": "completed" if done else "failed", "details": {"deploy_ready": ready}}
    await hub.call_tool("communication-hub.broadcast_deployment", {**release, **status}, context_id)
    del hub.contexts[context_id]
    return results


async def break_mypy(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """There is no type checker any more."""
    if arguments.get("command") == COMMANDS["mypy"]:
        raise ToolError("desktop-commander", "execute_command", "Error: Command not allowed: mypy src/")
    return await send(name, arguments)


async def take_missing_for_passed(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Does not wait for the scan of the image."""
    if name.endswith("container_scan"):
        return answer({"success": True, "passed": True, "vulnerabilities": []})
    return await send(name, arguments)


def _without_backup() -> Tamper:
    asked = iter(range(100))

    async def trust_the_old_backup(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
        """Takes yesterday's backup for one of today."""
        if name.endswith("backup_deployment"):
            return answer({"success": True})
        if name.endswith("list_objects"):
            return answer({"result": [{"key": arguments["prefix"], "versions": next(asked) + 1}]})
        return await send(name, arguments)

    return trust_the_old_backup


def _without_staging() -> Tamper:
    asked = iter(range(100))

    async def skip_staging(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
        """Takes staging for granted."""
        if arguments.get("namespace") == "staging":
            return answer({"success": True, "revision": next(asked) + 1})
        return await send(name, arguments)

    return skip_staging


async def try_what_was_there(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Tries staging before the new image is there."""
    if name.endswith("docker_build"):
        await send(RUN, {"command": COMMANDS["integration tests"]})
    return await send(name, arguments)


async def forget_how_far_it_came(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Stops for want of a type checker, and says no more than that."""
    if name.endswith("send_alert"):
        arguments["metadata"] = {}
    return await break_mypy(name, arguments, send)


async def broadcast_twice(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Repeats the broadcast, as after a lost answer, without the key that would tell."""
    if name.endswith("broadcast_deployment"):
        del arguments["deduplication_key"]
        await send(name, arguments)
    return await send(name, arguments)


async def announce_at_once(hub: Hub) -> PipelineReport:
    """Says that it is done, and stops."""
    told = {"environment": "production", "service": "app", "version": "latest", "status": "completed"}
    await hub.call_tool("communication-hub.broadcast_deployment", told)
    return PipelineReport(False, (), 0, False, "quality", "gave up")


async def deploy_before_the_gates(hub: Hub) -> PipelineReport:
    """Applies to production first, and checks afterwards."""
    await hub.call_tool("kubernetes.kubectl_apply", PRODUCTION)
    return await FullCicdPipeline().workflow(hub)


def _of(tamper: Tamper) -> Workflow:
    return tampered(FullCicdPipeline().workflow, tamper)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "ignore the quality": (tampered(as_documented, break_mypy), "production_needs_every_gate"),
    "take a missing scan for a clean one": (_of(take_missing_for_passed), "production_needs_every_gate"),
    "deploy before the gates": (deploy_before_the_gates, "production_needs_every_gate"),
    "trust the old backup": (_of(_without_backup()), "production_needs_a_backup"),
    "skip staging": (_of(_without_staging()), "production_needs_staging"),
    "try what was there": (_of(try_what_was_there), "production_needs_staging"),
    "check one after the other": (
        one_after_the_other(FullCicdPipeline().workflow, "bandit_scan", "npm_audit", "execute_command"),
        "expect",
    ),
    "forget how far it came": (_of(forget_how_far_it_came), "a_stop_says_how_far_it_came"),
    "broadcast twice": (_of(broadcast_twice), "one_broadcast"),
    "announce at once": (announce_at_once, "completed_means_running"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
