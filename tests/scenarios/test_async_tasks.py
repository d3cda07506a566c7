"""Background tasks by themselves, and when their calls fail or never end."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import pytest
from planned import Fault, bad_ends
from single_faults import faulted, reference, silent_under

from pytest_mcpflow import Hub, Way, run
from pytest_mcpflow.fakes.communication_hub import CommunicationHub
from pytest_mcpflow.fakes.docker import Docker, Dockerfile
from pytest_mcpflow.scenarios._async_tasks_workflow import TaskManager, TaskStatus
from pytest_mcpflow.scenarios._careful import Careful, Desk
from pytest_mcpflow.scenarios.async_tasks import AsyncTasks

BUILD = {"dockerfile_path": "Dockerfile", "image_tag": "app:latest"}


@pytest.mark.parametrize("fault", Fault)
def test_no_failing_call_goes_unnoticed(fault: Fault) -> None:
    assert silent_under(AsyncTasks, fault) == []


@pytest.mark.parametrize("kind", ["duplicate", "delay", "restart"])
def test_no_call_that_is_repeated_late_or_cut_off_goes_unnoticed(kind: str) -> None:
    assert bad_ends(AsyncTasks, kind) == []


def test_the_tasks_run_at_the_same_time_and_the_board_says_how_far_they_are() -> None:
    transcript = reference(AsyncTasks).transcript
    begun = [transcript.calls(f"*.{tool}")[0] for tool in ("comprehensive_scan", "emergency_backup")]
    boards = transcript.calls("write_file")

    assert [(each.at, each.until) for each in begun] == [(0.0, 50.0), (0.0, 20.0)]
    assert [(each.at, json.loads(each.arguments["content"])) for each in boards] == [
        (30.0, {"scan": "running", "backup": "completed", "verify": "running"}),
        (50.0, {"scan": "completed", "backup": "completed", "verify": "completed"}),
    ]


def test_callbacks_are_called_when_their_task_ends() -> None:
    people = faulted(AsyncTasks(), {}).scenario.people

    assert [(sent.at, sent.message) for sent in people.notifications] == [
        (20.0, "Production data is backed up"),
        (40.0, "app is healthy after 40 s"),
        (40.0, "Release 2.0.0 is out"),
        (50.0, "Scan finished, 1 findings"),
    ]


def test_a_service_that_does_not_come_up_is_a_failed_task() -> None:
    scenario = AsyncTasks()
    scenario.monitoring.services["app"].series["up"].pop()

    trial = faulted(scenario, {})

    assert trial.result.states == {"scan": "completed", "backup": "completed", "verify": "failed"}
    [alert] = scenario.people.alerts
    assert (alert.severity, alert.metadata) == (
        "medium",
        {"task_id": "verify", "server": "prometheus-monitoring", "tool": "verify_service_health"},
    )
    assert "Release 2.0.0 is out" not in [sent.message for sent in scenario.people.notifications]


def test_a_board_that_cannot_be_written_stops_no_task_and_is_told() -> None:
    trial = faulted(AsyncTasks(), {"write_file": Fault.REFUSE})

    assert set(trial.result.states.values()) == {"completed"}
    assert not trial.result.success
    [alert] = trial.scenario.people.alerts
    assert alert.message.startswith("Not told: tasks.json is out of date")


class World:
    """A manager over a Docker that takes its time."""

    def __init__(self, *, takes: float = 60.0) -> None:
        self.hub = Hub(way=Way.DIRECT)
        self.docker = self.hub.serve(
            Docker(dockerfiles={"Dockerfile": Dockerfile()}, takes={"docker_build": takes})
        )
        self.people = self.hub.serve(CommunicationHub())
        self.manager = TaskManager(Desk(self.hub), Careful(self.hub, timeout=200_000.0), limit=900.0)

    def run(self, steps: Callable[[TaskManager], Awaitable[object]]) -> None:
        async def managed() -> None:
            async with self.manager as tasks:
                await steps(tasks)

        run(managed())


def test_a_status_is_running_then_completed_with_the_result() -> None:
    world = World()

    async def steps(tasks: TaskManager) -> None:
        tasks.submit("build", "docker.docker_build", BUILD)
        assert tasks.status("build") == TaskStatus("running")
        status = await tasks.result("build")
        assert status.state == "completed"
        assert status.result is not None
        assert status.result["image"] == "app:latest"

    world.run(steps)


def test_a_task_nobody_submitted_is_not_found() -> None:
    assert World().manager.status("build") == TaskStatus("not_found")


def test_an_id_is_used_once() -> None:
    async def steps(tasks: TaskManager) -> None:
        tasks.submit("build", "docker.docker_build", BUILD)
        with pytest.raises(ValueError, match=r"there is a task 'build' already, docker\.docker_build"):
            tasks.submit("build", "docker.docker_ps", {})

    World().run(steps)


def test_a_task_that_never_ends_has_failed_after_its_limit() -> None:
    world = World(takes=100_000.0)

    async def steps(tasks: TaskManager) -> None:
        tasks.submit("build", "docker.docker_build", BUILD)
        assert await tasks.result("build") == TaskStatus("failed", error="no outcome within 900 s")
        assert world.hub.clock.now() == 900.0

    world.run(steps)
    assert [alert.message for alert in world.people.alerts] == [
        "Long-running task build failed: no outcome within 900 s"
    ]


def test_an_answer_that_says_no_is_a_failure() -> None:
    world = World()
    world.docker.dockerfiles["Dockerfile"].fails_at = "COPY . /app"

    async def steps(tasks: TaskManager) -> None:
        tasks.submit("build", "docker.docker_build", BUILD)
        assert (await tasks.result("build")).state == "failed"

    world.run(steps)


def test_a_callback_that_fails_is_alerted_and_stops_no_other() -> None:
    world, called = World(), list[str]()

    async def fail(result: object) -> None:
        raise RuntimeError("no paper")

    async def call(result: object) -> None:
        called.append("second")

    async def steps(tasks: TaskManager) -> None:
        tasks.submit("build", "docker.docker_build", BUILD)
        tasks.on_completion("build", fail)
        tasks.on_completion("build", call)
        assert (await tasks.result("build")).state == "completed"

    world.run(steps)
    assert called == ["second"]
    assert [(alert.severity, alert.message) for alert in world.people.alerts] == [
        ("medium", "Callback 1 of task build failed: no paper")
    ]


def test_leaving_the_manager_ends_what_still_runs() -> None:
    world = World()

    async def steps(tasks: TaskManager) -> None:
        tasks.submit("build", "docker.docker_build", BUILD)

    world.run(steps)
    assert world.docker.images == {}
    assert world.hub.clock.now() == 0.0
