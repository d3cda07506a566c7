"""The fake cluster: rollouts take time, and what kubectl refuses is refused."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from pytest_mcpflow import FakeError, ManualClock, ToolError, run
from pytest_mcpflow.fakes.kubernetes import Deployment, Kubernetes, Manifest, Outage, Revision
from pytest_mcpflow.hub import Hub


def cluster() -> Kubernetes:
    return Kubernetes(
        manifests={
            "k8s/production/app.yaml": Manifest("app", "app:2", replicas=2),
            "k8s/production/worker.yaml": Manifest("worker", "worker:1"),
        },
        deployments={
            "production/app": Deployment("app", "production", 1, [Revision(1, "app:1", {}, -60.0, "apply")])
        },
        images=["app:1", "app:2", "worker:1"],
    )


def advance(fake: Kubernetes, seconds: float) -> None:
    assert isinstance(fake.clock, ManualClock)
    fake.clock.advance(seconds)


def refused(fake: Kubernetes, words: str, action: Callable[[], object]) -> None:
    before = copy.deepcopy(fake)
    with pytest.raises(FakeError, match=words):
        action()
    assert fake == before


def test_a_folder_is_applied_whole_and_a_second_time_changes_nothing() -> None:
    fake = cluster()
    first = fake.kubectl_apply("k8s/production/", "production")
    assert first.applied == ["deployment.apps/app configured", "deployment.apps/worker created"]
    revisions = len(fake.deployments["production/app"].revisions)
    assert fake.kubectl_apply("k8s/production", "production").applied == [
        "deployment.apps/app unchanged",
        "deployment.apps/worker unchanged",
    ]
    assert len(fake.deployments["production/app"].revisions) == revisions == 2


def test_pods_are_pending_until_they_have_started() -> None:
    fake = cluster()
    fake.kubectl_apply("k8s/production/app.yaml", "production")
    assert {item.status for item in fake.kubectl_get("pods", "production").items} == {"Pending"}
    advance(fake, 5)
    assert {item.status for item in fake.kubectl_get("pods", "production").items} == {"Running"}
    [deployment] = fake.kubectl_get("deployments", "production").items
    assert (deployment.status, deployment.ready) == ("2/2", True)


def test_an_image_that_cannot_be_pulled_never_runs() -> None:
    fake = cluster()
    fake.images = ["app:1"]
    fake.kubectl_apply("k8s/production/app.yaml", "production")
    advance(fake, 1000)
    assert {item.status for item in fake.kubectl_get("pods", "production").items} == {"ImagePullBackOff"}


def test_a_crashing_deployment_recovers_when_it_is_rolled_out_anew() -> None:
    fake = cluster()
    fake.crash("production", "app")
    assert fake.kubectl_get("pods", "production").items[0].status == "CrashLoopBackOff"
    fake.kubectl_rollout_restart("app", "production")
    advance(fake, 5)
    assert len(fake.running("production", "app")) == 1


def test_undoing_goes_back_and_undoing_twice_returns() -> None:
    fake = cluster()
    fake.kubectl_apply("k8s/production/app.yaml", "production")
    images: list[str] = []
    for _ in range(2):
        fake.kubectl_rollout_undo("app", "production")
        images.append(fake.deployments["production/app"].image)
    assert images == ["app:1", "app:2"]


def test_undoing_to_a_revision_goes_there_once() -> None:
    fake = cluster()
    assert "skipped rollback" in fake.kubectl_rollout_undo("app", "production", to_revision=1).message
    fake.kubectl_apply("k8s/production/app.yaml", "production")
    assert fake.kubectl_rollout_undo("app", "production", to_revision=1).message.endswith("rolled back")
    again = fake.kubectl_rollout_undo("app", "production", to_revision=1)
    assert "skipped rollback (current template already matches revision 1)" in again.message
    assert [each.image for each in fake.deployments["production/app"].revisions] == [
        "app:1",
        "app:2",
        "app:1",
    ]
    refused(
        fake,
        "unable to find specified revision 9 in history",
        lambda: fake.kubectl_rollout_undo("app", "production", to_revision=9),
    )


def test_a_patch_rolls_out_only_what_differs() -> None:
    fake = cluster()
    assert fake.kubectl_patch("app", {"A": "1"}, "production").revision == 2
    assert fake.kubectl_patch("app", {"A": "1"}, "production").revision == 2
    assert fake.deployments["production/app"].env == {"A": "1"}


def test_scaling_sets_the_number_of_pods() -> None:
    fake = cluster()
    fake.kubectl_scale("app", 3, "production")
    assert len(fake.kubectl_get("pods", "production").items) == 3
    refused(fake, "must be greater than or equal to 0", lambda: fake.kubectl_scale("app", -1, "production"))


def test_what_is_not_there_is_not_found_in_kubectls_words() -> None:
    fake = cluster()
    refused(fake, 'the path "nowhere/" does not exist', lambda: fake.kubectl_apply("nowhere/"))
    refused(fake, r'NotFound\): deployments.apps "x" not found', lambda: fake.kubectl_scale("x", 1))
    refused(fake, r'NotFound\): pods "x" not found', lambda: fake.kubectl_get("pods", name="x"))
    refused(fake, "no rollout history found", lambda: fake.kubectl_rollout_undo("app", "production"))
    fake.unreachable = True
    refused(fake, "was refused - did you specify the right host", lambda: fake.kubectl_get("pods"))


def test_deleting_removes_the_pods_too() -> None:
    fake = cluster()
    assert fake.kubectl_delete("app", "production") == 'deployment.apps "app" deleted'
    assert fake.kubectl_get("pods", "production").items == []


def wait_for_the_rollout(timeout: float) -> float:
    """When waiting for a rollout of five seconds ended."""

    async def main() -> float:
        async with Hub() as hub:
            fake = hub.serve(cluster())
            fake.kubectl_apply("k8s/production/app.yaml", "production")
            arguments = {"name": "app", "namespace": "production", "timeout": timeout}
            await hub.call_tool("kubernetes.kubectl_rollout_status", arguments)
            return hub.clock.now()

    return run(main())


def test_waiting_ends_when_the_pods_are_ready() -> None:
    assert wait_for_the_rollout(60) == 5


def test_waiting_ends_at_its_limit() -> None:
    with pytest.raises(ToolError, match="timed out waiting for the condition"):
        wait_for_the_rollout(3)


def test_an_outage_begins_and_ends_at_its_instants() -> None:
    fake = cluster()
    fake.outages.append(Outage(10.0, 20.0))

    advance(fake, 9.5)
    assert fake.kubectl_get("pods", "production").success
    advance(fake, 0.5)
    refused(fake, "was refused - did you specify the right host or port", lambda: fake.kubectl_get("pods"))
    advance(fake, 10.0)
    assert fake.kubectl_get("pods", "production").success


async def test_a_deployment_cannot_be_scaled_beyond_the_quota(mcpflow: Hub) -> None:
    cluster = mcpflow.serve(Kubernetes(manifests={"app.yaml": Manifest("app", "app:1")}, pod_quota=50))
    await mcpflow.call_tool("kubernetes.kubectl_apply", {"manifest_path": "app.yaml"})

    with pytest.raises(ToolError, match=r"exceeded quota: pods, requested: pods=51, limited: pods=50"):
        await mcpflow.call_tool("kubernetes.kubectl_scale", {"name": "app", "replicas": 51})

    assert cluster.deployments["default/app"].replicas == 1


@pytest.mark.parametrize("namespace", ["", "Production", "my space", "-a", "a" * 64])
def test_a_namespace_that_cannot_be_is_not_found_and_not_made(namespace: str) -> None:
    fake = cluster()
    words = f'namespaces "{namespace}" not found'
    refused(fake, words, lambda: fake.kubectl_apply("k8s/", namespace))
    refused(fake, "lowercase RFC 1123 label", lambda: fake.kubectl_create_namespace(namespace))


def test_what_is_applied_needs_a_namespace_that_somebody_has_created() -> None:
    fake = cluster()
    words = 'error when creating "k8s/": namespaces "prodction" not found'
    refused(fake, words, lambda: fake.kubectl_apply("k8s/", "prodction"))

    assert fake.kubectl_create_namespace("preview") == "namespace/preview created"
    refused(fake, 'namespaces "preview" already exists', lambda: fake.kubectl_create_namespace("preview"))
    assert fake.kubectl_apply("k8s/", "preview").success


def test_a_namespace_outlives_what_ran_in_it() -> None:
    fake = cluster()
    fake.kubectl_delete("app", "production")
    assert fake.kubectl_apply("k8s/", "production").success


def test_a_variable_has_a_name_that_kubernetes_takes() -> None:
    fake = cluster()
    fake.kubectl_apply("k8s/", "production")
    name = fake.kubectl_get("deployments", "production").items[0].name
    for variable in ("", "A B", "1ST", "A=B"):
        words = f'Invalid value: "{variable}"'
        refused(fake, words, lambda: fake.kubectl_patch(name, {variable: "x"}, "production"))  # noqa: B023
