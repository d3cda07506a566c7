"""A fake of a communication hub: notifications, alerts and deployment broadcasts, sent in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from pytest_mcpflow.fake import Fake, FakeError, tool

__all__ = ["Alert", "Broadcast", "Channel", "CommunicationHub", "EscalationPolicy", "Notification", "Receipt"]

Severity = Literal["low", "medium", "high", "critical"]
Priority = Literal["low", "normal", "high", "critical"]
DeploymentStatus = Literal["started", "completed", "failed", "rolled_back"]
ALERT_CHANNELS = ("slack", "pagerduty")


@dataclass
class Channel:
    """Where messages go; one that is `down` delivers nothing."""

    members: list[str] = field(default_factory=list[str])
    down: bool = False


@dataclass
class EscalationPolicy:
    """Who is called, in this order, until somebody acknowledges."""

    responders: list[str]


@dataclass
class Notification:
    id: str
    at: float
    message: str
    channels: list[str]
    priority: Priority
    template: str | None = None


@dataclass
class Alert:
    id: str
    at: float
    message: str
    severity: Severity
    metadata: dict[str, Any]
    escalation_policy: str | None = None
    deduplication_key: str | None = None
    acknowledged_by: str | None = None
    repeats: int = 0


@dataclass
class Broadcast:
    id: str
    at: float
    environment: str
    service: str
    status: DeploymentStatus
    version: str | None
    details: dict[str, Any]


@dataclass
class Receipt:
    """What became of a message; `success` is false only when it reached no channel at all."""

    success: bool
    message_id: str
    delivered_to: list[str]
    failed_channels: list[str] = field(default_factory=list[str])
    recipients: list[str] = field(default_factory=list[str])


def _channels() -> dict[str, Channel]:
    return {name: Channel() for name in ("slack", "email", "dashboard", "pagerduty")}


def _policies() -> dict[str, EscalationPolicy]:
    return {
        "default": EscalationPolicy(["on-call"]),
        "critical": EscalationPolicy(["on-call", "team-lead", "cto"]),
    }


@dataclass
class CommunicationHub(Fake):
    """Tells people what is going on. Every call is a message: repeating one repeats the message."""

    channels: dict[str, Channel] = field(default_factory=_channels)
    policies: dict[str, EscalationPolicy] = field(default_factory=_policies)
    notifications: list[Notification] = field(default_factory=list[Notification])
    alerts: list[Alert] = field(default_factory=list[Alert])
    broadcasts: list[Broadcast] = field(default_factory=list[Broadcast])

    @tool(idempotent=False)
    def send_notification(
        self, message: str, channels: list[str], priority: Priority = "normal", template: str | None = None
    ) -> Receipt:
        """Send a message to channels."""
        self._known(channels)
        sent = Notification(self.new_id("message"), self.clock.now(), message, channels, priority, template)
        self.notifications.append(sent)
        return self._receipt(sent.id, channels)

    @tool(idempotent=False)
    def send_alert(
        self,
        message: str,
        severity: Severity,
        metadata: dict[str, Any] | None = None,
        escalation_policy: str | None = None,
        deduplication_key: str | None = None,
    ) -> Receipt:
        """Alert whoever is on call. A repeated deduplication key repeats no alert while the first one is open."""
        if escalation_policy is not None and escalation_policy not in self.policies:
            raise FakeError(f"escalation_policy_not_found: {escalation_policy}")
        recipients = self.policies[escalation_policy or "default"].responders
        for alert in self.alerts:
            if deduplication_key is not None and alert.deduplication_key == deduplication_key:
                alert.repeats += 1
                return self._receipt(alert.id, list(ALERT_CHANNELS), recipients)
        self.alerts.append(
            Alert(
                *(self.new_id("alert"), self.clock.now(), message, severity, metadata or {}),
                escalation_policy=escalation_policy,
                deduplication_key=deduplication_key,
            )
        )
        return self._receipt(self.alerts[-1].id, list(ALERT_CHANNELS), recipients)

    @tool(idempotent=False)
    def broadcast_deployment(
        self,
        environment: str,
        service: str,
        status: DeploymentStatus,
        version: str | None = None,
        details: dict[str, Any] | None = None,
    ) -> Receipt:
        """Tell everybody about a deployment."""
        at = self.clock.now()
        sent = Broadcast(self.new_id("broadcast"), at, environment, service, status, version, details or {})
        self.broadcasts.append(sent)
        return self._receipt(sent.id, ["slack", "email", "dashboard"])

    @tool(reads=True)
    def list_alerts(self, severity: Severity | None = None) -> list[Alert]:
        """List alerts, oldest first."""
        return [alert for alert in self.alerts if severity in (None, alert.severity)]

    @tool(idempotent=True)
    def acknowledge_alert(self, alert_id: str, by: str) -> Alert:
        """Say that somebody looks after an alert; the first one to say so stays responsible."""
        for alert in self.alerts:
            if alert.id == alert_id:
                alert.acknowledged_by = alert.acknowledged_by or by
                return alert
        raise FakeError(f"alert_not_found: {alert_id}")

    def take_down(self, channel: str) -> None:
        """Let a channel deliver nothing."""
        self.channels[channel].down = True

    def texts(self) -> list[str]:
        """The text of everything that was sent, by kind."""
        said = [notification.message for notification in self.notifications]
        said += [f"{alert.message} {alert.metadata}" for alert in self.alerts]
        return said + [f"{sent.service} {sent.status} {sent.details}" for sent in self.broadcasts]

    def _known(self, channels: list[str]) -> None:
        if not channels:
            raise FakeError("no_channels: name at least one channel")
        for channel in channels:
            if channel not in self.channels:
                raise FakeError(f"channel_not_found: {channel}")

    def _receipt(self, message_id: str, channels: list[str], recipients: list[str] | None = None) -> Receipt:
        failed = [name for name in channels if name in self.channels and self.channels[name].down]
        reached = [name for name in channels if name in self.channels and name not in failed]
        members = [member for name in reached for member in self.channels[name].members]
        return Receipt(bool(reached), message_id, reached, failed, [*(recipients or []), *members])
