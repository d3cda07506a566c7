"""The files of the pipeline that `cicd-setup` sets up."""

from __future__ import annotations

__all__ = ["DEPLOY_SCRIPT", "HEALTH_ENDPOINT", "HEALTH_PATH", "PIPELINE", "PIPELINE_PATH", "SCRIPT_PATH"]

PIPELINE_PATH = ".github/workflows/ci-cd.yml"
SCRIPT_PATH, HEALTH_PATH = "/home/deploy/deploy.sh", "/etc/nginx/conf.d/health.conf"
_NOTIFY = """\
      - if: always()
        run: ./scripts/notify-slack.sh "${{ github.job }}" "${{ job.status }}"
        env:
          SLACK_WEBHOOK_URL: ${{ secrets.SLACK_WEBHOOK_URL }}
"""


def _job(name: str, *steps: str, **settings: str) -> str:
    """A job whose outcome Slack hears of."""
    lines = [f"  {name}:"]
    lines += [f"    {key.rstrip('_')}: {value}" for key, value in settings.items()]
    lines += ["    runs-on: ubuntu-latest", "    steps:", "      - uses: actions/checkout@v4"]
    return "\n".join([*lines, *(f"      - run: {step}" for step in steps)]) + f"\n{_NOTIFY}"


def _deployment(environment: str, branch: str) -> str:
    """Deploy what was pushed to a branch, and go back where that fails."""
    remote = "ssh deploy@${{ vars.DEPLOY_HOST }} ./deploy.sh"
    job = _job(
        f"deploy-{environment}",
        f"{remote} ${{{{ github.sha }}}}",
        needs="build",
        if_=f"github.ref == 'refs/heads/{branch}'",
        environment=environment,
    )
    return job.replace(_NOTIFY, f"      - if: failure()\n        run: {remote} rollback\n{_NOTIFY}")


PIPELINE = (
    "name: ci-cd\non:\n  pull_request:\n  push:\n    branches: [develop, main]\njobs:\n"
    + _job("lint", "npm run lint")
    + _job("test", "npm test", needs="lint")
    + _job("security-scan", "npm audit --audit-level=high", needs="lint")
    + _job("build", "npm run build", needs="[test, security-scan]", if_="github.event_name == 'push'")
    + _deployment("staging", "develop")
    + _deployment("production", "main")
)
DEPLOY_SCRIPT = """\
#!/bin/bash
set -euo pipefail
if [ "$1" = rollback ]; then target=$(cat previous); else target=$1; readlink current > previous; fi
ln -sfn "releases/$target" current
sudo systemctl restart api
curl --fail --silent --retry 10 --retry-connrefused http://localhost/health
"""
HEALTH_ENDPOINT = "location = /health {\n  proxy_pass http://127.0.0.1:8080/health;\n  access_log off;\n}\n"
