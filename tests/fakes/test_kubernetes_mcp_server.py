"""kubernetes-mcp-server over a fake cluster: its tables, its YAML, its refusals."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from pytest_mcpflow import Hub, ManualClock, ToolError, Way, run
from pytest_mcpflow.fakes.kubernetes import Kubernetes, Manifest, Outage
from pytest_mcpflow.fakes.real.kubernetes_mcp_server import KubernetesMCPServer
from pytest_mcpflow.plain_yaml import read_yaml

MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: app
  namespace: prod
spec:
  replicas: 2
  selector:
    matchLabels: {}
  template:
    spec:
      containers:
      - name: app
        image: app:1.2
        env:
        - name: COLOUR
          value: blue
"""
APP = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app", "namespace": "prod"}


def cluster(manifest: str = MANIFEST, *, seconds: float = 10.0) -> KubernetesMCPServer:
    """A cluster with one deployment that was made some seconds ago."""
    made = KubernetesMCPServer(images=["app:1.2", "app:1.3"], namespaces=["default", "prod"])
    ask(made, "resources_create_or_update", resource=manifest)
    later(made, seconds)
    return made


def later(server: Kubernetes, seconds: float) -> None:
    server.clock = ManualClock(starts_at=server.clock.starts_at)
    server.clock.advance(seconds)


def ask(server: Kubernetes, tool: str, **arguments: Any) -> str:
    """The text that a client gets."""
    clock = server.clock

    async def asked() -> str:
        async with Hub(way=Way.DIRECT) as hub:
            hub.serve(server, name="cluster")
            server.clock = clock
            return (await hub.call_tool(f"cluster.{tool}", arguments)).text

    return run(asked())


def refusal(server: KubernetesMCPServer, tool: str, **arguments: Any) -> str:
    """The words of a refusal, after which the state is as before."""
    before = deepcopy(server)
    with pytest.raises(ToolError) as error:
        ask(server, tool, **arguments)
    assert server == before
    return error.value.message


def conditions(server: KubernetesMCPServer) -> dict[str, tuple[str, str | None]]:
    """The status and the reason of each condition of the deployment."""
    shown: Any = read_yaml(ask(server, "resources_get", **APP))
    return {each["type"]: (each["status"], each.get("reason")) for each in shown["status"]["conditions"]}


def cells(table: str) -> list[list[str]]:
    """The first eight columns of each row, without the header."""
    return [line.split()[:8] for line in table.splitlines()[1:]]


def test_pods_are_listed_as_kubectl_does() -> None:
    listed = ask(cluster(), "pods_list")

    assert listed.splitlines()[0].split("  ")[0] == "NAMESPACE"
    assert cells(listed) == [
        ["prod", "v1", "Pod", "app-1-0", "1/1", "Running", "0", "10s"],
        ["prod", "v1", "Pod", "app-1-1", "1/1", "Running", "0", "10s"],
    ]


def test_a_table_without_rows_is_empty() -> None:
    assert ask(cluster(), "pods_list_in_namespace", namespace="nowhere") == ""


@pytest.mark.parametrize(
    ("selectors", "count"),
    [
        ({"labelSelector": "app=app"}, 2),
        ({"labelSelector": "app!=app"}, 0),
        ({"labelSelector": "tier=web"}, 0),
        ({"fieldSelector": "status.phase=Running,metadata.name=app-1-1"}, 1),
    ],
)
def test_selectors_choose_pods(selectors: dict[str, str], count: int) -> None:
    assert len(cells(ask(cluster(), "pods_list", **selectors))) == count


@pytest.mark.parametrize(
    ("selectors", "words"),
    [
        ({"fieldSelector": "spec.nodeName=n1"}, "field label not supported: spec.nodeName"),
        (
            {"labelSelector": "app in (a, b)"},
            "unable to parse requirement: 'app in (a' is not understood here",
        ),
    ],
)
def test_a_selector_that_is_not_understood_is_refused(selectors: dict[str, str], words: str) -> None:
    assert words in refusal(cluster(), "pods_list", **selectors)


def test_a_bad_image_is_no_error_but_a_reason_to_wait() -> None:
    server = cluster()
    applied = ask(server, "resources_create_or_update", resource=MANIFEST.replace("app:1.2", "app:9"))
    pod = ask(server, "pods_get", name="app-2-0", namespace="prod")
    events = ask(server, "events_list", namespace="prod", fieldSelector="type=Warning")

    assert applied.startswith(
        "# The following resources (YAML) have been created or updated successfully\n- apiVersion:"
    )
    assert cells(ask(server, "pods_list"))[0][5] == "ImagePullBackOff"
    assert "reason: ImagePullBackOff" in pod
    assert "phase: Pending" in pod
    assert events.count("Reason: Failed") == 2


def test_a_rollout_that_never_becomes_ready_fails_to_progress() -> None:
    server = cluster(MANIFEST.replace("app:1.2", "app:9"), seconds=600)

    assert conditions(server)["Progressing"] == ("False", "ProgressDeadlineExceeded")
    assert conditions(server)["Available"] == ("False", None)


def test_a_crashing_pod_runs_and_waits() -> None:
    server = cluster()
    server.crash("prod", "app")
    pod: Any = read_yaml(ask(server, "pods_get", name="app-1-0", namespace="prod"))

    assert pod["status"]["phase"] == "Running"
    assert pod["status"]["containerStatuses"] == [
        {
            "image": "app:1.2",
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
            "name": "app",
            "ready": False,
            "restartCount": 5,
            "state": {
                "waiting": {
                    "message": "back-off 2m40s restarting failed container=app",
                    "reason": "CrashLoopBackOff",
                }
            },
        }
    ]


def test_a_deleted_pod_is_replaced_by_one_that_has_to_start() -> None:
    server = cluster()

    assert ask(server, "pods_delete", name="app-1-0", namespace="prod") == "Pod deleted successfully"
    assert [row[3:6] for row in cells(ask(server, "pods_list"))] == [
        ["app-1-0-1", "0/1", "ContainerCreating"],
        ["app-1-1", "1/1", "Running"],
    ]
    assert 'pods "app-1-0" not found' in refusal(server, "pods_delete", name="app-1-0", namespace="prod")


def test_a_manifest_without_replicas_keeps_those_there_are() -> None:
    server = cluster()
    ask(server, "resources_scale", **APP, scale=5)
    ask(server, "resources_create_or_update", resource=MANIFEST.replace("  replicas: 2\n", ""))

    assert server.deployments["prod/app"].replicas == 5


def test_json_and_several_documents_are_manifests_too() -> None:
    server = KubernetesMCPServer(namespaces=["default", "prod"])
    other = (
        '{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"template": '
    )
    other += '{"spec": {"containers": [{"image": "web:1"}]}}}}'
    ask(server, "resources_create_or_update", resource=f"{MANIFEST}---\n{other}")

    assert [*server.deployments] == ["prod/app", "default/web"]
    assert server.deployments["prod/app"].env == {"COLOUR": "blue"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("kind: Deployment\n", ""), "Object 'Kind' is missing"),
        (("kind: Deployment", "kind: Secret"), 'no matches for kind "Secret" in version "apps/v1"'),
        (("  name: app\n  namespace", "  namespace"), "name is required"),
        (("image: app:1.2", "tag: latest"), "spec.template.spec.containers[0].image: Required value"),
        (
            ("replicas: 2", "replicas: -1"),
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
        ),
        (("value: blue", "value: 3"), "expected string, got 3"),
        (("spec:\n  replicas", "spec:\n\treplicas"), "error converting YAML to JSON"),
    ],
)
def test_a_manifest_that_cannot_be_applied_changes_nothing(change: tuple[str, str], words: str) -> None:
    said = refusal(cluster(), "resources_create_or_update", resource=MANIFEST.replace(*change))

    assert said.startswith("failed to create or update resources: ")
    assert words in said


def test_a_scale_is_read_and_set() -> None:
    server = cluster()
    before = ask(server, "resources_scale", **APP)
    after = ask(server, "resources_scale", **APP, scale=3)

    assert before.startswith("# Current resource scale (YAML) is below\napiVersion: autoscaling/v1\n")
    assert "spec:\n  replicas: 2\n" in before
    assert "spec:\n  replicas: 3\n" in after
    assert "must be greater than or equal to 0" in refusal(server, "resources_scale", **APP, scale=-1)


def test_a_deployment_is_deleted_with_its_pods() -> None:
    server = cluster()

    assert ask(server, "resources_delete", **APP) == "Resource deleted successfully"
    assert ask(server, "pods_list") == ""
    assert (
        refusal(server, "resources_get", **APP) == 'failed to get resource: deployments.apps "app" not found'
    )


def test_a_deployment_needs_a_namespace_which_a_manifest_may_bring() -> None:
    server = cluster()
    elsewhere = MANIFEST.replace("namespace: prod", "namespace: preview")
    namespace = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: preview\n"
    words = refusal(server, "resources_create_or_update", resource=elsewhere)
    late = refusal(server, "resources_create_or_update", resource=f"{elsewhere}---\n{namespace}")
    before = server.namespace_names()
    ask(server, "resources_create_or_update", resource=f"{namespace}---\n{elsewhere}")
    ask(server, "resources_delete", **{**APP, "namespace": "preview"})

    assert words == late == 'failed to create or update resources: namespaces "preview" not found'
    assert before == ["default", "prod"]
    assert server.namespace_names() == ["default", "preview", "prod"]


def test_a_namespace_goes_with_what_is_in_it() -> None:
    server = cluster()
    ask(server, "resources_delete", apiVersion="v1", kind="Namespace", name="prod")

    assert server.deployments == {}
    assert [row[2] for row in cells(ask(server, "namespaces_list"))] == ["default"]


def test_logs_are_those_of_the_deployment_and_end_with_the_newest_line() -> None:
    server = cluster()
    pod = {"name": "app-1-0", "namespace": "prod"}
    silent = ask(server, "pods_log", **pod)
    server.logs["prod/app"] = ["one", "two", "three"]

    assert silent == "The pod app-1-0 in namespace prod has not logged any message yet"
    assert ask(server, "pods_log", **pod, tail=2) == "two\nthree\n"
    assert "container sidecar is not valid for pod app-1-0" in refusal(
        server, "pods_log", **pod, container="sidecar"
    )
    assert "previous terminated container" in refusal(server, "pods_log", **pod, previous=True)


def test_a_container_that_never_started_has_no_log() -> None:
    server = cluster(MANIFEST.replace("app:1.2", "app:9"))
    words = refusal(server, "pods_log", name="app-1-0", namespace="prod")

    assert words.endswith('container "app" in pod "app-1-0" is trying and failing to pull image')


def test_nothing_answers_during_an_outage() -> None:
    server = cluster()
    server.outages.append(Outage(0.0, 60.0))

    assert refusal(server, "pods_list") == (
        'failed to list pods in all namespaces: Get "https://10.0.0.1:6443/api/v1/pods": '
        "dial tcp 10.0.0.1:6443: connect: connection refused"
    )
    later(server, 61.0)
    assert cells(ask(server, "pods_list"))


def test_what_the_documents_tools_applied_is_seen_by_the_real_ones() -> None:
    documents = Kubernetes(manifests={"app.yaml": Manifest("app", "app:1")})
    real = KubernetesMCPServer.over(documents)
    ask(documents, "kubectl_apply", manifest_path="app.yaml")
    ask(real, "resources_scale", apiVersion="apps/v1", kind="Deployment", name="app", scale=4)

    assert documents.deployments["default/app"].replicas == 4
    assert "default" in ask(real, "resources_list", apiVersion="apps/v1", kind="Deployment")
