"""Reading the manifests that clients of `pytest_mcpflow.fakes.real.kubernetes_mcp_server` send."""

from __future__ import annotations

import json
import re

from pytest_mcpflow.fake import FakeError
from pytest_mcpflow.fakes.kubernetes import Manifest
from pytest_mcpflow.plain_yaml import Yaml, read_yaml

__all__ = ["read_manifests"]


def read_manifests(text: str, known: dict[str, int]) -> list[tuple[str, Manifest | None]]:
    """The deployments that a text describes, each with its namespace, and the namespaces, each with `None`.

    Args:
        text: YAML documents or JSON.
        known: Replicas of deployments there are, by `namespace/name`: what holds where a manifest names none.

    Raises:
        FakeError: It is neither, or describes something that this cluster cannot have.
    """
    return [_manifest(document, known) for document in re.split(r"\r?\n---\r?\n", text.removeprefix("---\n"))]


def _manifest(text: str, known: dict[str, int]) -> tuple[str, Manifest | None]:
    try:
        content: Yaml = json.loads(text) if text.lstrip().startswith("{") else read_yaml(text)
    except ValueError as error:
        raise FakeError(f"error converting YAML to JSON: yaml: {error}") from error
    kind, version = _at(content, "kind"), _at(content, "apiVersion")
    if not isinstance(kind, str) or not isinstance(version, str):
        raise FakeError(
            "Object 'Kind' is missing" if not isinstance(kind, str) else "Object 'apiVersion' is missing"
        )
    if (version, kind) not in (("apps/v1", "Deployment"), ("v1", "Namespace")):
        raise FakeError(f'no matches for kind "{kind}" in version "{version}"')
    name, namespace = _at(content, "metadata", "name"), _at(content, "metadata", "namespace") or "default"
    if not isinstance(name, str) or not name or not isinstance(namespace, str):
        raise FakeError("name is required")
    if kind == "Namespace":
        return name, None
    containers = _at(content, "spec", "template", "spec", "containers")
    if not isinstance(containers, list) or not containers:
        raise _invalid(name, "spec.template.spec.containers: Required value")
    if len(containers) > 1:
        raise _invalid(
            name, f"spec.template.spec.containers: Too many: {len(containers)}: must have at most 1 item"
        )
    image = _at(containers[0], "image")
    if not isinstance(image, str) or not image:
        raise _invalid(name, "spec.template.spec.containers[0].image: Required value")
    replicas = _at(content, "spec", "replicas")
    if replicas is None:
        replicas = known.get(f"{namespace}/{name}", 1)
    if not isinstance(replicas, int) or isinstance(replicas, bool) or replicas < 0:
        said = f"Invalid value: {json.dumps(replicas)}: must be greater than or equal to 0"
        raise _invalid(name, f"spec.replicas: {said}")
    return namespace, Manifest(name, image, replicas, _environment(name, _at(containers[0], "env")))


def _environment(name: str, variables: Yaml) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, each in enumerate(variables if isinstance(variables, list) else []):
        variable, value = _at(each, "name"), _at(each, "value")
        if not isinstance(variable, str) or not variable:
            raise _invalid(name, f"spec.template.spec.containers[0].env[{number}].name: Required value")
        if value is not None and not isinstance(value, str):
            where = f"spec.template.spec.containers[0].env[{number}].value"
            raise FakeError(
                f"failed to create typed patch object: .{where}: expected string, got {json.dumps(value)}"
            )
        found[variable] = value or ""
    return found


def _at(content: Yaml, *path: str) -> Yaml:
    """What stands at a path of keys, or `None`."""
    for key in path:
        if not isinstance(content, dict):
            return None
        content = content.get(key)
    return content


def _invalid(name: str, why: str) -> FakeError:
    return FakeError(f'Deployment.apps "{name}" is invalid: {why}')
