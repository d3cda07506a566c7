"""The world of `automated-disaster-recovery`, before anything happens."""

from __future__ import annotations

from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.kubernetes import Deployment, Kubernetes, Manifest, Revision
from pytest_mcpflow.fakes.prometheus_monitoring import PrometheusMonitoring, Sample, WatchedService

__all__ = ["cluster", "desktop", "monitoring"]


def cluster() -> Kubernetes:
    app = Revision(1, "app:1.4", {"DATABASE_URL": "postgres-primary"}, -3600.0, "apply")
    return Kubernetes(
        manifests={
            "k8s/production/app.yaml": Manifest("app", "app:1.4", 3, {"DATABASE_URL": "postgres-primary"}),
            "k8s/backup-region/app.yaml": Manifest("app-backup-region", "app:1.4", 3),
        },
        deployments={"production/app": Deployment("app", "production", 3, [app], crashing=True)},
    )


def monitoring() -> PrometheusMonitoring:
    series = {"error_rate": [Sample(-600.0, 0.9)], "response_seconds": [Sample(-600.0, 0.2)]}
    return PrometheusMonitoring(services={"app": WatchedService("production", series)})


def desktop() -> DesktopCommander:
    return DesktopCommander(
        environment={"DATABASE_URL": "postgres-primary"},
        scripts=[
            Script("systemctl status critical-services", stdout="app.service: failed", exit_code=3),
            Script("pg_dump *", stdout="-- dump of production\n"),
            Script("curl -f *", stdout="ok"),
        ],
    )
