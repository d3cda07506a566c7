"""The tools of `prometheus-mcp-server` (PyPI, pab1it0/prometheus-mcp-server) over the fake's series.

Names, arguments, answers and refusals are those of version 1.6.2. PromQL is understood as far as
`metric{label="value"}`; anything else is a parse error, of which the server passes on the status and no more.
"""

from __future__ import annotations

import math
import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from pytest_mcpflow.fake import FakeError, tool
from pytest_mcpflow.fakes.prometheus_monitoring import PrometheusMonitoring, seconds_of, selector

__all__ = ["PrometheusMCPServer"]

MOST_POINTS = 11_000
URL = "http://prometheus.example:9090"


@dataclass
class Configuration:
    prometheus_url_configured: bool = True
    authentication_configured: bool = False
    org_id_configured: bool = False


@dataclass
class HealthStatus:
    """`status` is `healthy`, or `degraded` where Prometheus does not answer."""

    status: str
    service: str
    version: str
    timestamp: str
    transport: str
    configuration: Configuration
    prometheus_connectivity: str
    prometheus_url: str


@dataclass
class Link:
    href: str
    rel: str = "prometheus-ui"
    title: str = "View in Prometheus UI"


@dataclass
class QueryResult:
    """`result` as Prometheus has it: the value of a sample is a text."""

    resultType: str  # noqa: N815 - the field's name
    result: list[dict[str, Any]]
    links: list[Link]


@dataclass
class MetricNames:
    metrics: list[str]
    total_count: int
    returned_count: int
    offset: int
    has_more: bool


@dataclass
class Targets:
    activeTargets: list[dict[str, Any]]  # noqa: N815 - the field's name
    droppedTargets: list[dict[str, Any]]  # noqa: N815 - the field's name
    total_active: int
    total_dropped: int
    returned_active: int
    returned_dropped: int
    offset: int
    has_more: bool
    state: str


@dataclass
class PrometheusMCPServer(PrometheusMonitoring, in_place_of=PrometheusMonitoring):
    """Series and targets as `prometheus-mcp-server` shows them."""

    service = "prometheus-mcp-server"
    service_error = f"Error calling tool: 500 Server Error: Internal Server Error for url: {URL}/api/v1/query"

    metric_cache: list[str] | None = field(default=None, repr=False, compare=False)
    """The names that were listed last, which the server keeps; no state of Prometheus."""

    @tool(reads=True)
    def health_check(self) -> HealthStatus:
        """Say whether the server and Prometheus behind it answer."""
        now = self.clock.wall().astimezone(UTC)
        return HealthStatus(
            *("healthy", self.service, "1.6.2", now.replace(tzinfo=None).isoformat(), "stdio"),
            *(Configuration(), "healthy", URL),
        )

    @tool(reads=True)
    def execute_query(self, query: str, time: str | None = None) -> QueryResult:
        """Evaluate a selector now, or at a time (RFC 3339 or seconds since 1970)."""
        asked = {"query": query, **({} if time is None else {"time": time})}
        with self._asking("execute_query", "query", asked):
            at = self.clock.now() if time is None else self._seconds(time)
            metric, labels = selector(query)
        found = [
            {"metric": shown, "value": [self._unix(at), _text(value)]}
            for shown, service in self._chosen(metric, labels)
            if (value := self._value(service, metric, at)) is not None
        ]
        interface = {"g0.expr": query, "g0.tab": "0", **({} if time is None else {"g0.moment_input": time})}
        return QueryResult("vector", found, [Link(f"{URL}/graph?{urlencode(interface)}")])

    @tool(reads=True)
    def execute_range_query(self, query: str, start: str, end: str, step: str) -> QueryResult:
        """Evaluate a selector at each step between two times."""
        with self._asking(
            "execute_range_query", "query_range", {"query": query, "start": start, "end": end, "step": step}
        ):
            first, last = self._seconds(start), self._seconds(end)
            width = float(step) if _is_number(step) else seconds_of(step)
            if not 0 < width < math.inf or last < first or (last - first) / width >= MOST_POINTS:
                raise FakeError("bad_data: exceeded maximum resolution of 11,000 points per timeseries")
            metric, labels = selector(query)
        instants = [first + number * width for number in range(math.floor((last - first) / width) + 1)]
        found: list[dict[str, Any]] = []
        for shown, service in self._chosen(metric, labels):
            values = [(at, self._value(service, metric, at)) for at in instants]
            points = [[self._unix(at), _text(value)] for at, value in values if value is not None]
            if points:
                found.append({"metric": shown, "values": points})
        interface = {
            "g0.expr": query,
            "g0.tab": "0",
            "g0.range_input": f"{start} to {end}",
            "g0.step_input": step,
        }
        return QueryResult("matrix", found, [Link(f"{URL}/graph?{urlencode(interface)}")])

    @tool(reads=True)
    def list_metrics(
        self,
        limit: int | None = None,
        offset: int = 0,
        filter_pattern: str | None = None,
        refresh_cache: bool = False,
    ) -> MetricNames:
        """List the names of metrics, as they were when they were first listed unless the cache is refreshed."""
        if self.metric_cache is None or refresh_cache:
            self.metric_cache = sorted(
                {"up", *(name for each in self.services.values() for name in each.series)}
            )
        names = [name for name in self.metric_cache if (filter_pattern or "").lower() in name.lower()]
        end = len(names) if limit is None else offset + limit
        shown = names[offset:end]
        return MetricNames(shown, len(names), len(shown), offset, end < len(names))

    @tool(reads=True)
    def get_targets(
        self, state: str = "active", scrape_pool: str | None = None, limit: int | None = None, offset: int = 0
    ) -> Targets:
        """List what is scraped, and whether it answers; nothing is dropped here."""
        if state not in ("active", "dropped", "any"):
            raise _refused("get_targets", f"Invalid state '{state}'. Must be one of: active, dropped, any")
        if offset < 0 or (limit is not None and limit < 0):
            raise _refused("get_targets", f"{'offset' if offset < 0 else 'limit'} must be non-negative")
        names = [] if state == "dropped" else sorted(self.services)
        found = [
            self._target(name) for name in names if scrape_pool in (None, self.services[name].environment)
        ]
        shown = found[offset:] if limit is None else found[offset : offset + limit]
        more = offset + len(shown) < len(found)
        return Targets(shown, [], len(found), 0, len(shown), 0, offset, more, state)

    @contextmanager
    def _asking(self, name: str, endpoint: str, parameters: dict[str, str]) -> Generator[None]:
        """Refuse as the server does: the status of the HTTP request, without what Prometheus said."""
        try:
            yield
        except FakeError as error:
            url = f"{URL}/api/v1/{endpoint}?{urlencode(parameters)}"
            raise _refused(name, f"400 Client Error: Bad Request for url: {url}") from error

    def _chosen(self, metric: str, wanted: dict[str, str]) -> list[tuple[dict[str, str], str]]:
        """The services that a selector means, with the labels of their series."""
        found: list[tuple[dict[str, str], str]] = []
        for name in sorted(self.services):
            labels = {"environment": self.services[name].environment, "service": name}
            if all(labels.get(label, "") == value for label, value in wanted.items()):
                found.append(({"__name__": metric, **labels}, name))
        return found

    def _value(self, service: str, metric: str, at: float) -> float | None:
        """The value of a series at an instant; a target that is down has none but `up`."""
        is_up = self.value(service, "up", at=at)
        return is_up if metric == "up" else self.value(service, metric, at=at) if is_up else None

    def _seconds(self, time: str) -> float:
        """Seconds on the fake's clock, of a time as clients write it."""
        try:
            moment = (
                datetime.fromtimestamp(float(time), UTC) if _is_number(time) else datetime.fromisoformat(time)
            )
            return (moment - self.clock.starts_at).total_seconds()
        except (ValueError, TypeError, OverflowError):
            raise FakeError(f'bad_data: cannot parse "{time}" to a valid timestamp') from None

    def _unix(self, at: float) -> float:
        return (self.clock.starts_at + timedelta(seconds=at)).timestamp()

    def _target(self, name: str) -> dict[str, Any]:
        is_up = bool(self.value(name, "up"))
        return {
            "labels": {"environment": self.services[name].environment, "service": name},
            "scrapePool": self.services[name].environment,
            "scrapeUrl": f"http://{name}:9100/metrics",
            "health": "up" if is_up else "down",
            "lastError": "" if is_up else f'Get "http://{name}:9100/metrics": connect: connection refused',
        }


def _refused(name: str, words: str) -> FakeError:
    return FakeError(f"Error calling tool '{name}': {words}")


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?[0-9]+(\.[0-9]*)?(e[+-]?[0-9]+)?", text) is not None


def _text(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)
