"""The tools of `pytest_mcpflow.fakes.real.desktop_commander_mcp` that are about processes."""

from __future__ import annotations

import asyncio
import fnmatch
from dataclasses import dataclass, field

from pytest_mcpflow.fake import FakeError, Omittable, tool
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.fakes.real._desktop_files import Origin, Unnoticed

FIRST_PID = 4000
READ_TIMEOUT = 5000.0
"""Milliseconds that reading waits for new output."""


@dataclass
class Process:
    """A command that was started; `ends_at` is seconds on the fake's clock."""

    command: str
    lines: list[str]
    exit_code: int
    started_at: float
    ends_at: float
    was_terminated: bool = False


@dataclass
class ProcessTools(DesktopCommander):
    """Processes, whose effect comes when they start and whose output when they end."""

    durations: dict[str, float] = field(default_factory=dict[str, float])
    """How long commands run, in seconds by pattern (`*` for anything); the others end at once."""
    processes: dict[int, Process] = field(default_factory=dict[int, Process])
    """By process id."""
    read_lines: dict[int, int] = field(default_factory=dict[int, int], repr=False, compare=False)
    """How much of the output of each was read; no state of the machine."""

    @tool(destroys=True, name="start_process")
    async def tool_start_process(
        self,
        command: str,
        timeout_ms: float,
        shell: Omittable[str] = None,
        verbose_timing: Omittable[bool] = None,
        origin: Omittable[Origin] = None,
    ) -> str:
        """Run a command, and return what it wrote by the time limit. That it failed is not said here."""
        ran = self.run(command)
        output = ran.stdout + ran.stderr
        seconds = next(
            (each for pattern, each in self.durations.items() if fnmatch.fnmatchcase(command, pattern)), 0.0
        )
        pid, now = FIRST_PID + len(self.processes), self.clock.now()
        process = Process(command, output.splitlines(), ran.exit_code, now, now + seconds)
        self.processes[pid] = process
        await self._wait(process, timeout_ms)
        began = f"Process started with PID {pid} (shell: {shell or '/bin/sh'})\nInitial output:\n"
        if self._is_running(process):
            return f"{began}\n⏳ Process is running. Use read_process_output to get more output."
        return began + output

    @tool(reads=True, name="read_process_output")
    async def tool_read_process_output(
        self,
        pid: float,
        timeout_ms: Omittable[float] = None,
        offset: Omittable[float] = None,
        length: Omittable[float] = None,
        verbose_timing: Omittable[bool] = None,
    ) -> str:
        """Read output that is new, from a line on, or the last lines; and the exit code, once there is one."""
        process = self.processes.get(int(pid))
        if process is None:
            raise FakeError(f"No session found for PID {int(pid)}")
        start, size = int(offset or 0), int(length or 1000)
        if start == 0:
            await self._wait(process, READ_TIMEOUT if timeout_ms is None else timeout_ms)
        running = self._is_running(process)
        lines: list[str] = [] if running or process.was_terminated else process.lines
        if start < 0:
            shown = lines[start:][:size]
            said = f"[Reading last {len(shown)} lines (total: {len(lines)} lines)]"
        else:
            first = start or self.read_lines.get(int(pid), 0)
            shown = lines[first : first + size]
            left = len(lines) - first - len(shown)
            total = f"total: {len(lines)} lines"
            if start:
                said = f"[Reading {len(shown)} lines from line {first} ({total}, {max(0, left)} remaining)]"
            elif left > 0:
                said = f"[Reading {len(shown)} new lines from line {first} ({total}, {left} remaining)]"
            else:
                said = f"[Reading {len(shown)} new lines ({total})]"
            if not start:
                self.read_lines[int(pid)] = first + len(shown)
        text = "\n".join(shown) or "(No output in requested range)"
        if running:
            return f"{said}\n\n{text}"
        runtime = f"(runtime: {process.ends_at - process.started_at:.2f}s)"
        code = "null" if process.was_terminated else process.exit_code
        return f"{said}\n\n{text}\n✅ Process completed with exit code {code} {runtime}"

    @tool(destroys=True, name="force_terminate")
    def tool_force_terminate(self, pid: float) -> str:
        """End a process that still runs."""
        process = self.processes.get(int(pid))
        if process is None or not self._is_running(process):
            raise Unnoticed(f"No active session found for PID {int(pid)}")
        process.ends_at, process.was_terminated = self.clock.now(), True
        return f"Successfully initiated termination of session {int(pid)}"

    @tool(reads=True, name="list_sessions")
    def tool_list_sessions(self) -> str:
        """List the processes that still run."""
        now = self.clock.now()
        running = [
            f"PID: {pid}, Blocked: true, Runtime: {round(now - process.started_at)}s"
            for pid, process in self.processes.items()
            if self._is_running(process)
        ]
        return "\n".join(running) or "No active sessions"

    def _is_running(self, process: Process) -> bool:
        return not process.was_terminated and self.clock.now() < process.ends_at

    async def _wait(self, process: Process, timeout_ms: float) -> None:
        left = min(process.ends_at - self.clock.now(), timeout_ms / 1000)
        if left > 0:
            await asyncio.sleep(left)
