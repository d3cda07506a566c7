"""Saying what everything waits for."""

from __future__ import annotations

import asyncio

__all__ = ["waiting_tasks"]


def waiting_tasks(loop: asyncio.AbstractEventLoop) -> str:
    lines = ["nothing can run and no timer is armed; waiting:"]
    for task in sorted(asyncio.all_tasks(loop), key=lambda t: t.get_name()):
        frames = task.get_stack()
        where = f"{frames[-1].f_code.co_filename}:{frames[-1].f_lineno}" if frames else "?"
        lines.append(f"  {task.get_name()}: {getattr(task.get_coro(), '__qualname__', task.get_coro())} at {where}")
    return "\n".join(lines[:9])
