"""Long-running calls in the background, each with a status, callbacks, and an outcome."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Run, invariant
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.fakes.prometheus_monitoring import PrometheusMonitoring, Sample, WatchedService
from pytest_mcpflow.fakes.s3_storage import S3Storage
from pytest_mcpflow.fakes.security_scanner import Finding, SecurityScanner
from pytest_mcpflow.scenarios._async_tasks_workflow import BOARD, TasksReport, release
from pytest_mcpflow.scenarios._cross_server import CrossServer

__all__ = ["AsyncTasks", "TasksReport"]

BACKUP = "emergency/high/production-data"
TOOLS = ("comprehensive_scan", "emergency_backup", "verify_service_health")


def _scanner() -> SecurityScanner:
    finding = Finding("src/app.py", 12, "B101", "low", "Use of assert detected.")
    return SecurityScanner([finding], takes={"comprehensive_scan": 50.0})


def _watch() -> PrometheusMonitoring:
    app = WatchedService("production", {"up": [Sample(-1.0, 0.0), Sample(37.0, 1.0)]})
    return PrometheusMonitoring({"app": app})


@dataclass
class AsyncTasks(CrossServer):
    """Release 2.0.0 with a scan, a backup and a verification in the background, and a board of how far they are."""

    tags = ("tasks",)

    scanner: SecurityScanner = field(default_factory=_scanner)
    storage: S3Storage = field(
        default_factory=lambda: S3Storage({"production-data": "..."}, takes={"emergency_backup": 20.0})
    )
    monitoring: PrometheusMonitoring = field(default_factory=_watch)
    desktop: DesktopCommander = field(default_factory=DesktopCommander)

    async def workflow(self, hub: Hub) -> TasksReport:
        return await release(hub)

    def expect(self, run: Run) -> None:
        assert [*self.storage.objects] == [BACKUP]
        completed = {"scan": "completed", "backup": "completed", "verify": "completed"}
        assert json.loads(self.desktop.files[BOARD]) == completed
        # Submitted together, and seen to run: nobody waits for one before the next.
        assert len({run.calls(tool)[0].at for tool in TOOLS}) == 1
        boards = [json.loads(each.arguments["content"]) for each in run.calls("write_file")]
        assert "running" in [board["scan"] for board in boards]
        told = [(sent.message, *sent.channels) for sent in self.people.notifications]
        assert {text.partition(" after")[0] for text, *_ in told} == {
            *("Scan finished, 1 findings", "Production data is backed up"),
            *("app is healthy", "Release 2.0.0 is out"),
        }
        # Callbacks of one task run in order.
        healthy, out = [text for text, *_ in told if "app is" in text or "is out" in text]
        assert (healthy.partition(" after")[0], out) == ("app is healthy", "Release 2.0.0 is out")
        assert {tuple(channels) for _, *channels in told} == {("slack",)}
        assert self.people.alerts == []
        assert run.result == TasksReport(True, completed)

    @invariant
    def nothing_runs_for_ever(self, run: Run) -> None:
        """When the workflow is over, every task has an outcome."""
        if isinstance(run.result, TasksReport):
            assert run.result.states.keys() == {"scan", "backup", "verify"}
            assert set(run.result.states.values()) <= {"completed", "failed"}
        assert run.seconds < 7200

    @invariant
    def completed_means_done(self, run: Run) -> None:
        """A task is only said to be completed when its tool did it."""
        if isinstance(run.result, TasksReport):
            states = run.result.states
            assert states["backup"] != "completed" or BACKUP in self.storage.objects
            assert states["scan"] != "completed" or any(
                each.ok for each in run.calls("security-scanner.comprehensive_scan")
            )
            assert states["verify"] != "completed" or self.monitoring.value("app", "up")

    @invariant
    def a_failed_task_alerts_medium(self, run: Run) -> None:
        """Somebody hears of every task that failed, with its id, its server and its tool."""
        alerts = run.calls("send_alert")
        if isinstance(run.result, TasksReport) and (not alerts or alerts[-1].ok):
            failed = [task for task, state in run.result.states.items() if state == "failed"]
            heard = {alert.metadata.get("task_id"): alert for alert in self.people.alerts}
            for task in failed:
                assert heard[task].severity == "medium"
                assert {*heard[task].metadata} == {"task_id", "server", "tool"}

    @invariant
    def one_backup(self, run: Run) -> None:
        """However answers are lost, the data is backed up once."""
        assert all(len(versions) == 1 for versions in self.storage.objects.values())
