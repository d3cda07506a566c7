"""A fake of a communication hub: notifications, alerts and deployment broadcasts, sent in order."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from pytest_mcpflow.fake import FakeError, tool
from pytest_mcpflow.fakes._approvals import Approval, Approvals
from pytest_mcpflow.fakes._messages import (
    ON_CALL,
    Alert,
    AlertReceipt,
    Broadcast,
    Channel,
    DeploymentStatus,
    EscalationPolicy,
    Kind,
    Message,
    Notification,
    Priority,
    Receipt,
    Severity,
    Shift,
    check_text,
    delivered,
    receipt_of,
    text_of,
    usual_channels,
    usual_policies,
)

__all__ = [
    "Alert",
    "AlertReceipt",
    "Approval",
    "Broadcast",
    "Channel",
    "CommunicationHub",
    "EscalationPolicy",
    "Message",
    "Notification",
    "Receipt",
    "Shift",
    "text_of",
]


@dataclass
class CommunicationHub(Approvals):
    """Tells people what is going on. Every call is a message: repeating one repeats the message."""

    service_error = "internal_error"
    channels: dict[str, Channel] = field(default_factory=usual_channels)
    policies: dict[str, EscalationPolicy] = field(default_factory=usual_policies)
    shifts: list[Shift] = field(default_factory=list[Shift])
    alert_channels: list[str] = field(default_factory=lambda: ["slack", "pagerduty"])
    broadcast_channels: list[str] = field(default_factory=lambda: ["slack", "email", "dashboard"])
    messages: list[Message] = field(default_factory=list[Message])
    """Everything that was sent, in order."""

    @tool(idempotent=False)
    def send_notification(
        self,
        message: str,
        channels: list[str],
        priority: Priority = "normal",
        template: str | None = None,
        deduplication_key: str | None = None,
    ) -> Receipt:
        """Send a message to channels.

        A message whose deduplication key one that was delivered had already is not sent again.
        """
        check_text(message)
        if not channels:
            raise FakeError("no_channels: name at least one channel")
        for channel in channels:
            if channel not in self.channels:
                raise FakeError(
                    f"channel_not_found: {channel} (there is: {', '.join(sorted(self.channels))})"
                )
        if (earlier := delivered(self.notifications, deduplication_key)) is not None:
            return receipt_of(earlier, [])
        sent = Notification(
            *(self.new_id("message"), self.clock.now(), message, list(channels), priority, template),
            deduplication_key=deduplication_key,
        )
        return self._send(sent, channels)

    @tool(idempotent=False)
    def send_alert(
        self,
        message: str,
        severity: Severity,
        metadata: dict[str, Any] | None = None,
        escalation_policy: str | None = None,
        deduplication_key: str | None = None,
    ) -> AlertReceipt:
        """Alert whoever is on call.

        While an alert of the same deduplication key is unresolved, this counts as its repetition and nobody is
        told again, unless it had reached nobody.
        """
        check_text(message)
        if escalation_policy is not None and escalation_policy not in self.policies:
            raise FakeError(
                f"escalation_policy_not_found: {escalation_policy} (there is: {', '.join(sorted(self.policies))})"
            )
        for alert in self.alerts:
            same = deduplication_key is not None and alert.deduplication_key == deduplication_key
            if same and alert.resolved_at is None:
                alert.repeats += 1
                return self._alert_receipt(alert, repeated=True)
        alert = Alert(
            *(self.new_id("alert"), self.clock.now(), message, severity, deepcopy(metadata or {})),
            escalation_policy=escalation_policy,
            deduplication_key=deduplication_key,
        )
        self.messages.append(alert)
        return self._alert_receipt(alert, repeated=False)

    @tool(idempotent=False)
    def broadcast_deployment(
        self,
        environment: str,
        service: str,
        status: DeploymentStatus,
        version: str | None = None,
        details: dict[str, Any] | None = None,
        deduplication_key: str | None = None,
    ) -> Receipt:
        """Tell everybody about a deployment; as with notifications, a delivered deduplication key is not sent again."""
        if (earlier := delivered(self.broadcasts, deduplication_key)) is not None:
            return receipt_of(earlier, [])
        sent = Broadcast(
            *(self.new_id("broadcast"), self.clock.now(), environment, service, status, version),
            deepcopy(details or {}),
            deduplication_key=deduplication_key,
        )
        return self._send(sent, self.broadcast_channels)

    @tool(reads=True)
    def list_messages(self, kind: Kind | None = None) -> list[Message]:
        """List what was sent, oldest first."""
        return [message for message in self.messages if kind in (None, message.kind)]

    @tool(reads=True)
    def list_alerts(self, severity: Severity | None = None) -> list[Alert]:
        """List alerts, oldest first."""
        return [alert for alert in self.alerts if severity in (None, alert.severity)]

    @tool(idempotent=True)
    def acknowledge_alert(self, alert_id: str, by: str) -> Alert:
        """Say that somebody looks after an alert; the first one to say so stays responsible."""
        alert = self._alert(alert_id)
        if alert.acknowledged_by is None:
            if alert.resolved_at is not None:
                raise FakeError(f"Incident Already Resolved: {alert_id}")
            alert.acknowledged_by, alert.acknowledged_at = by, self.clock.now()
        return alert

    @tool(idempotent=True)
    def resolve_alert(self, alert_id: str) -> Alert:
        """Say that what an alert was about is over; its deduplication key is free again."""
        alert = self._alert(alert_id)
        if alert.resolved_at is None:
            alert.resolved_at = self.clock.now()
        return alert

    @property
    def notifications(self) -> list[Notification]:
        return [message for message in self.messages if isinstance(message, Notification)]

    @property
    def alerts(self) -> list[Alert]:
        return [message for message in self.messages if isinstance(message, Alert)]

    @property
    def broadcasts(self) -> list[Broadcast]:
        return [message for message in self.messages if isinstance(message, Broadcast)]

    def take_down(self, channel: str) -> None:
        """Let a channel deliver nothing."""
        self.channels[channel].down = True

    def bring_up(self, channel: str) -> None:
        """Let a channel deliver again; what it missed stays missed."""
        self.channels[channel].down = False

    def called(self, alert_id: str) -> list[str]:
        """Who was called about an alert so far, in order; nobody when it reached no channel."""
        alert = self._alert(alert_id)
        if not alert.delivered_to:
            return []
        policy = self.policies[alert.escalation_policy or "default"]
        ends = [at for at in (alert.acknowledged_at, alert.resolved_at) if at is not None]
        waited = min([self.clock.now(), *ends]) - alert.at
        calls = [(level * policy.escalate_after, name) for level, name in enumerate(policy.responders)]
        return [self._person(name, alert.at + after) for after, name in calls if after <= waited]

    def find(
        self, text: str = "", *, kind: Kind | None = None, severity: Severity | None = None
    ) -> list[Message]:
        """What was sent that contains a text anywhere (metadata and details too), of a kind, of a severity."""
        return [
            message
            for message in self.list_messages(kind)
            if text in text_of(message) and severity in (None, getattr(message, "severity", None))
        ]

    def texts(self) -> list[str]:
        """The whole text of everything that was sent, in order."""
        return [text_of(message) for message in self.messages]

    def _send(self, sent: Notification | Broadcast, channels: list[str]) -> Receipt:
        recipients = self._deliver(sent, channels)
        self.messages.append(sent)
        return receipt_of(sent, recipients)

    def _alert_receipt(self, alert: Alert, *, repeated: bool) -> AlertReceipt:
        recipients = [] if alert.delivered_to else self._deliver(alert, self.alert_channels)
        if alert.delivered_to:
            recipients = list(dict.fromkeys([*self.called(alert.id), *recipients]))
        delivered, failed = [*alert.delivered_to], [*alert.failed_channels]
        return AlertReceipt(bool(delivered), alert.id, delivered, failed, recipients, repeated)

    def _deliver(self, message: Message, channels: list[str]) -> list[str]:
        """Note which channels a message reached; the members who hear of it there."""
        wanted = list(dict.fromkeys(channels))
        up = [name for name in wanted if name in self.channels and not self.channels[name].down]
        message.delivered_to, message.failed_channels = up, [name for name in wanted if name not in up]
        heard = [
            member for name in up if not self.channels[name].muted for member in self.channels[name].members
        ]
        return list(dict.fromkeys(heard))

    def _person(self, responder: str, at: float) -> str:
        if responder != ON_CALL:
            return responder
        on_shift = [shift.person for shift in self.shifts if shift.starts_at <= at < shift.ends_at]
        return on_shift[-1] if on_shift else ON_CALL

    def _alert(self, alert_id: str) -> Alert:
        for alert in self.alerts:
            if alert.id == alert_id:
                return alert
        raise FakeError(f"alert_not_found: {alert_id}")
