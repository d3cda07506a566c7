"""Label and field selectors, as the API of Kubernetes reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import cast

from pytest_mcpflow.fake import FakeError
from pytest_mcpflow.fakes.kubernetes import Deployment, Pod
from pytest_mcpflow.fakes.real._kubernetes_objects import labels_of, phase_of
from pytest_mcpflow.plain_yaml import Yaml

__all__ = ["Facts", "facts_of", "facts_of_event", "selected"]

_TERM = re.compile(r"\s*([\w./-]+)\s*(==|!=|=)\s*([\w./:-]*)\s*")


@dataclass(frozen=True)
class Facts:
    """What selectors can ask of an object."""

    labels: dict[str, str]
    fields: dict[str, str]


def facts_of(deployment: Deployment, pod: Pod | None = None) -> Facts:
    """What can be asked of a deployment, or of one of its pods."""
    name = deployment.name if pod is None else pod.name
    fields = {"metadata.name": name, "metadata.namespace": deployment.namespace}
    return Facts(
        labels_of(deployment, pod), fields if pod is None else {**fields, "status.phase": phase_of(pod)}
    )


def facts_of_event(event: dict[str, Yaml]) -> Facts:
    """What can be asked of an event."""
    involved = cast("dict[str, str]", event["InvolvedObject"])
    fields = {"type": str(event["Type"]), "reason": str(event["Reason"])}
    return Facts(
        {}, {**fields, "involvedObject.kind": involved["Kind"], "involvedObject.name": involved["Name"]}
    )


def selected(facts: Facts, *, labels: str | None = None, fields: str | None = None) -> bool:
    """Whether both selectors choose the object; an empty one chooses all.

    Raises:
        FakeError: A selector is anything but `name=value`, `name!=value`, joined by commas, or names no field.
    """
    wanted = _terms(fields)
    unknown = [name for name, _, _ in wanted if name not in facts.fields]
    if unknown:
        raise FakeError(f"field label not supported: {unknown[0]}")
    chosen = [_holds(facts.fields[name], operator, value) for name, operator, value in wanted]
    chosen += [_holds(facts.labels.get(name), operator, value) for name, operator, value in _terms(labels)]
    return all(chosen)


def _terms(selector: str | None) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    for part in selector.split(",") if selector else []:
        term = _TERM.fullmatch(part)
        if term is None:
            raise FakeError(f"unable to parse requirement: {part!r} is not understood here; use name=value")
        found.append((term[1], term[2], term[3]))
    return found


def _holds(actual: str | None, operator: str, value: str) -> bool:
    return (actual == value) is (operator != "!=")
