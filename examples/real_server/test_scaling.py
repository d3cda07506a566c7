from __future__ import annotations

from pytest_mcpflow import Hub
from pytest_mcpflow.fakes.kubernetes import Kubernetes, Manifest
from pytest_mcpflow.fakes.real.kubernetes_mcp_server import KubernetesMCPServer

APP = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"}


async def test_both_servers_show_one_cluster(mcpflow: Hub) -> None:
    cluster = mcpflow.serve(Kubernetes(manifests={"app.yaml": Manifest("app", "app:1.2")}))
    mcpflow.serve(KubernetesMCPServer.over(cluster))

    await mcpflow.call_tool("kubernetes.kubectl_apply", {"manifest_path": "app.yaml"})
    scaled = await mcpflow.call_tool("kubernetes-mcp-server.resources_scale", {**APP, "scale": 3})

    assert "replicas: 3" in scaled.text
    assert cluster.deployments["default/app"].replicas == 3
