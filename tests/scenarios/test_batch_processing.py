"""Batches by themselves, and when operations fail."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planned import Fault, bad_ends
from single_faults import faulted, reference, silent_under

from pytest_mcpflow import run
from pytest_mcpflow.scenarios._batch_processing_workflow import Batcher, Operation
from pytest_mcpflow.scenarios.batch_processing import APPS, SERVICES, BatchProcessing


@pytest.mark.parametrize("fault", Fault)
def test_no_failing_call_goes_unnoticed(fault: Fault) -> None:
    assert silent_under(BatchProcessing, fault) == []


@pytest.mark.parametrize("kind", ["duplicate", "delay", "restart"])
def test_no_call_that_is_repeated_late_or_cut_off_goes_unnoticed(kind: str) -> None:
    assert bad_ends(BatchProcessing, kind) == []


def test_a_full_batch_is_done_at_once_and_the_others_after_five_seconds() -> None:
    applied = reference(BatchProcessing).transcript.calls("kubectl_apply")
    watched = reference(BatchProcessing).transcript.calls("setup_alerts")
    saved = reference(BatchProcessing).transcript.calls("backup_config")

    assert [each.arguments["manifest_path"] for each in applied] == [f"k8s/{app}.yaml" for app in APPS]
    assert [each.at for each in applied] == [1.0] * 5 + [7.0] * 2
    assert [each.arguments["service"] for each in watched] == SERVICES
    assert [each.at for each in watched] == [3.0] * 20 + [8.0]
    assert [each.at for each in saved] == [9.0, 9.0]


def test_the_operations_of_a_batch_run_at_the_same_time() -> None:
    applied = reference(BatchProcessing).transcript.calls("kubectl_apply")

    assert [each.until for each in applied] == [3.5] * 5 + [9.5] * 2


def test_every_operation_is_called_once_when_nothing_fails() -> None:
    sent = reference(BatchProcessing).transcript.calls("send_notification").by("message")

    assert reference(BatchProcessing).transcript.counts() == {
        "desktop-commander.read_file": 1,
        "communication-hub.send_notification": 13 + 7,
        "kubernetes.kubectl_apply": 7,
        "prometheus-monitoring.setup_alerts": 21,
        "s3-storage.backup_config": 2,
    }
    assert set(sent.values()) == {1}


def test_a_batch_says_what_was_in_it() -> None:
    people = faulted(BatchProcessing(), {}).scenario.people
    notices = {sent.message: sent.at for sent in people.notifications if sent.priority == "low"}

    assert notices["Batch processed: 5 deployment operations, app-1 to app-5"] == 3.5
    assert notices["Batch processed: 2 backup operations, monday to tuesday"] == 9.0


def test_an_operation_that_fails_stops_no_other_and_is_alerted_by_name() -> None:
    scenario = BatchProcessing()
    del scenario.cluster.manifests["k8s/app-3.yaml"]

    trial = faulted(scenario, {})

    assert trial.result.failed == ("deployment app-3",)
    assert len(scenario.cluster.deployments) == 6
    [alert] = scenario.people.alerts
    assert (alert.severity, alert.message) == (
        "medium",
        "Batch processing failed for deployment: deployment app-3",
    )
    assert "does not exist" in alert.metadata["deployment app-3"]


def test_a_kind_without_a_limit_has_one_of_ten() -> None:
    assert batches_of([(0.0, "anything", number) for number in range(21)]) == {
        "anything": [(0.0, 10), (0.0, 10), (5.0, 1)]
    }


def test_an_operation_of_an_unknown_kind_is_said_to_have_failed() -> None:
    scenario = BatchProcessing()
    scenario.desktop.files["operations.txt"] += "\n6 cleaning attic"

    trial = faulted(scenario, {})

    assert trial.result.failed == ("cleaning attic",)
    assert "nobody knows how" in scenario.people.alerts[0].metadata["cleaning attic"]


def batches_of(operations: Sequence[tuple[float, str, int]]) -> dict[str, list[tuple[float, int]]]:
    """When batches of each kind were processed, and how many operations each had; each operation once."""
    processed: dict[str, list[tuple[float, int]]] = {}
    subjects: list[str] = []

    async def feed() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()

        async def process(kind: str, batch: Sequence[Operation]) -> None:
            processed.setdefault(kind, []).append((loop.time() - began, len(batch)))
            await asyncio.sleep(0.5)
            subjects.extend(each.subject for each in batch)

        async with asyncio.TaskGroup() as tasks:
            batcher = Batcher(tasks, process, limits={"small": 2})
            for second, kind, number in sorted(operations):
                await asyncio.sleep(began + second - loop.time())
                batcher.add(Operation(kind, str(number)))

    run(feed())
    assert sorted(subjects) == sorted(str(number) for _, _, number in operations)
    return processed


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([0.0, 1.0, 4.5, 5.0, 5.5, 10.0]), st.sampled_from(["small", "large"])))
)
def test_whenever_operations_come_each_is_done_once_within_the_delay(feed: list[tuple[float, str]]) -> None:
    operations = [(second, kind, number) for number, (second, kind) in enumerate(feed)]

    for kind, batches in batches_of(operations).items():
        assert max(size for _, size in batches) <= (2 if kind == "small" else 10)
        for second in sorted({second for second, each, _ in operations if each == kind}):
            due = sum(each == kind and at <= second for at, each, _ in operations)
            assert sum(size for at, size in batches if at <= second + 5.0) >= due
