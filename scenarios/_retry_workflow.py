"""The reference answer to `retry-backoff`: five steps with retries, the last of which can wait."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from pytest_mcpflow.scenarios._careful import Desk
from pytest_mcpflow.scenarios._retries import Backoff, Ended, Step, carry_out

__all__ = ["APPLY", "NOTE", "PATCH", "RESTART", "SCALE", "Rollout", "release"]

APPLY, RESTART = "kubernetes.kubectl_apply", "kubernetes.kubectl_rollout_restart"
NOTE = "prometheus-monitoring.update_deployment_status"
SCALE, PATCH = "kubernetes.kubectl_scale", "kubernetes.kubectl_patch"
PRODUCTION = {"namespace": "production"}
WORKER = {"name": "worker", **PRODUCTION}


@dataclass(frozen=True)
class Rollout:
    """How each step ended; `success` does without the last one, which can wait."""

    success: bool
    steps: tuple[Ended, ...]
    untold: tuple[str, ...] = ()


async def release(desk: Desk) -> Rollout:
    ended: list[Ended] = []
    try:
        async with aclosing(_steps(desk)) as steps:
            async for step in steps:
                ended.append(await carry_out(desk, step))
                if ended[-1].how == "failed":
                    break
    except Exception as error:
        await desk.alert(f"Release stopped: {error}", severity="high")
        raise
    if desk.untold:
        await desk.alert(f"Nobody may have heard of: {'; '.join(desk.untold)}", severity="medium")
    required = {"apply", "restart", "note", "scale"}
    done = {each.step for each in ended if each.how == "done"}
    return Rollout(required <= done and not desk.untold, tuple(ended), tuple(desk.untold))


async def _steps(desk: Desk) -> AsyncGenerator[Step]:
    scaling = {"name": "app", "replicas": 5, **PRODUCTION}
    switch = {"name": "app", "env": {"FAST_PATH": "on"}, **PRODUCTION}
    yield Step("apply", APPLY, {"manifest_path": "k8s/", **PRODUCTION}, Backoff(base=2.0))
    before = await _revision(desk)

    async def is_restarted() -> bool:
        return await _revision(desk) > before

    yield Step("restart", RESTART, WORKER, is_repeatable=False, is_done=is_restarted)
    # Nothing tells afterwards whether a note was made, so one without an answer is left to people.
    yield Step("note", NOTE, {"status": "active", "version": "1.5"}, is_repeatable=False)
    yield Step("scale", SCALE, scaling, Backoff(base=20.0))
    yield Step("switch on", PATCH, switch)


async def _revision(desk: Desk) -> int:
    """How often the worker was rolled out."""
    status = await desk.repeat("kubernetes.kubectl_rollout_status", {**WORKER, "timeout": 20})
    return int(status["revision"])
