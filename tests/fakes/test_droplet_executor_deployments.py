"""The droplet executor: deployments, approvals, colours, rollbacks, environment variables."""

from __future__ import annotations

import asyncio
import copy
from typing import Any, TypeVar, cast

import pytest
from droplet_hosts import Person, advance, ask, deploy, leaking, refused

from pytest_mcpflow.fake import Call, FakeError
from pytest_mcpflow.fakes.droplet_executor import (
    Approval,
    Deployment,
    DropletExecutor,
    Host,
    Release,
    Service,
)

T = TypeVar("T")


def failing_payments() -> DropletExecutor:
    """Payments in production lack an environment variable; no version was ever on staging."""
    broken = Release(requires=("STRIPE_WEBHOOK_SECRET",), error_rate_when_unset=0.4)
    return DropletExecutor(
        hosts={"prod-1": Host(services={"payments": Service("2.1.0")}), "staging-1": Host("staging")},
        releases={
            "payments": {"2.1.0": broken, "2.1.1": broken, "3.0.0": Release(answers_health_checks=False)}
        },
    )


def test_production_refuses_what_was_never_staged() -> None:
    hosts, person = failing_payments(), Person(Approval(True, ""))
    refused(
        hosts, "never deployed to staging", lambda: deploy(hosts, "prod-1", "payments", "2.1.1", call=person)
    )
    assert person.questions == []


def test_a_staged_version_goes_to_production_without_a_question() -> None:
    hosts, person = failing_payments(), Person()
    deploy(hosts, "staging-1", "payments", "2.1.1", call=person)
    deployment = deploy(hosts, "prod-1", "payments", "2.1.1", call=person, skip_staging=True)
    assert (deployment.success, deployment.previous_version, deployment.approval) == (True, "2.1.0", None)
    assert person.questions == []


def test_a_version_that_runs_on_staging_counts_as_staged() -> None:
    hosts = leaking()
    assert deploy(hosts, "prod-1", "api", "2.4.1").success
    refused(hosts, "never deployed to staging", lambda: deploy(hosts, "prod-1", "api", "2.4.2"))


def test_an_approval_is_asked_for_once_and_recorded() -> None:
    hosts, approval = failing_payments(), Approval(True, "payments are down")
    person = Person(approval)
    deploy(hosts, "prod-1", "payments", "2.1.1", call=person, skip_staging=True)
    assert person.questions == ["Deploy payments 2.1.1 to production host prod-1 without staging?"]
    assert [each.approval for each in hosts.deployments] == [approval]
    assert hosts.hosts["prod-1"].services["payments"].version == "2.1.1"


@pytest.mark.parametrize(
    ("answer", "words"), [(None, "declined"), (Approval(False, "wait"), "APPROVAL_DENIED: wait")]
)
def test_without_an_approval_nothing_is_deployed(answer: Approval | None, words: str) -> None:
    hosts, person = failing_payments(), Person(answer)
    refused(
        hosts, words, lambda: deploy(hosts, "prod-1", "payments", "2.1.1", call=person, skip_staging=True)
    )
    assert len(person.questions) == 1


def test_the_question_goes_through_the_protocol_seam_without_a_state_change_before_it() -> None:
    hosts = failing_payments()
    advance(hosts, 10)
    answer = ask(
        hosts,
        "deploy",
        Person(Approval(True, "")),
        host="prod-1",
        service="payments",
        version="2.1.1",
        skip_staging=True,
    )
    assert not answer["isError"]
    assert answer["structuredContent"]["approval"] == {"approve": True, "reason": ""}


def test_one_idempotency_key_deploys_once() -> None:
    hosts, person = failing_payments(), Person(Approval(True, ""))
    results = [
        deploy(
            hosts, "prod-1", "payments", "2.1.1", call=person, skip_staging=True, idempotency_key="hotfix-1"
        )
        for _ in range(2)
    ]
    assert results[0] == results[1]
    assert len(hosts.deployments) == len(person.questions) == 1


def test_one_idempotency_key_for_two_requests_is_refused() -> None:
    hosts = failing_payments()
    deploy(hosts, "staging-1", "payments", "2.1.1", idempotency_key="k")
    refused(
        hosts, "same parameters", lambda: deploy(hosts, "staging-1", "payments", "2.1.0", idempotency_key="k")
    )


def test_two_deployments_of_one_key_that_both_wait_for_approval_deploy_once() -> None:
    hosts, yes = failing_payments(), Approval(True, "")

    async def both() -> list[Deployment]:
        async def one(call: Call) -> Deployment:
            return await hosts.deploy(
                "prod-1", "payments", "2.1.1", call=call, skip_staging=True, idempotency_key="hotfix-1"
            )

        other: list[Deployment] = []

        class Slow(Person):
            async def elicit(self, question: str, answer: type[T]) -> T:
                other.append(await one(Person(yes)))
                return await super().elicit(question, answer)

        return [await one(Slow(yes)), *other]

    first, second = asyncio.run(both())
    assert first == second
    assert len(hosts.deployments) == 1


def test_without_a_key_each_deployment_shows() -> None:
    hosts = failing_payments()
    deploy(hosts, "staging-1", "payments", "2.1.1")
    deploy(hosts, "staging-1", "payments", "2.1.1")
    assert [each.deployment_id for each in hosts.list_deployments("payments")] == [
        "deployment-1",
        "deployment-2",
    ]
    assert hosts.list_deployments("api") == []


def test_an_unknown_version_is_refused() -> None:
    hosts = failing_payments()
    refused(hosts, "manifest for payments:9 not found", lambda: deploy(hosts, "staging-1", "payments", "9"))
    assert hosts.list_releases("payments") == ["2.1.0", "2.1.1", "3.0.0"]


def test_a_host_that_vanishes_while_the_person_thinks_gets_nothing() -> None:
    hosts = failing_payments()
    person = Person(Approval(True, ""), meanwhile=lambda: setattr(hosts.hosts["prod-1"], "reachable", False))
    with pytest.raises(FakeError, match="Connection timed out"):
        deploy(hosts, "prod-1", "payments", "2.1.1", call=person, skip_staging=True)
    assert hosts.deployments == []


def test_the_error_rate_falls_over_five_minutes_after_the_fix() -> None:
    hosts = failing_payments()
    assert error_rate(hosts) == 0.4
    advance(hosts, 100)
    hosts.set_environment_variable("prod-1", "payments", "STRIPE_WEBHOOK_SECRET", "vault:stripe/webhook")
    advance(hosts, 1000)
    assert error_rate(hosts) == 0.4
    deploy(hosts, "prod-1", "payments", "2.1.1", call=Person(Approval(True, "")), skip_staging=True)
    assert error_rate(hosts) == 0.4
    advance(hosts, 150)
    assert error_rate(hosts) == pytest.approx(0.2)
    hosts.scale_service("prod-1", "payments", 2)
    advance(hosts, 150)
    assert error_rate(hosts) == 0.0


def error_rate(hosts: DropletExecutor) -> float:
    return hosts.get_metrics("prod-1", "payments").services["payments"].error_rate


def test_a_service_that_starts_without_a_variable_says_so_in_its_log() -> None:
    hosts = failing_payments()
    hosts.restart_service("prod-1", "payments")
    messages = [line.message for line in hosts.get_logs("prod-1", "payments").lines]
    assert messages == ["started version 2.1.0", "STRIPE_WEBHOOK_SECRET is not set"]


def test_environment_variables_are_shown_by_name_only() -> None:
    hosts = failing_payments()
    hosts.hosts["prod-1"].services["payments"].environment["TOKEN"] = "do-not-show"
    shown = hosts.list_environment_variables("prod-1", "payments")
    assert [(each.name, each.value) for each in shown] == [
        ("STRIPE_WEBHOOK_SECRET", "not set"),
        ("TOKEN", "set"),
    ]
    for name, arguments in {
        "list_environment_variables": {"host": "prod-1", "service": "payments"},
        "check_health": {"host": "prod-1"},
        "get_logs": {"host": "prod-1", "service": "payments"},
        "get_metrics": {"host": "prod-1"},
        "restart_service": {"host": "prod-1", "service": "payments"},
        "run_command": {"host": "prod-1", "command": "systemctl status payments"},
    }.items():
        assert "do-not-show" not in str(ask(hosts, name, **cast("dict[str, Any]", arguments)))


@pytest.mark.parametrize("value", ["do-not-show", "vault:", "vault:stripe", "vault:stripe/web hook"])
def test_a_value_instead_of_a_secret_reference_is_refused_without_repeating_it(value: str) -> None:
    hosts = failing_payments()
    with pytest.raises(FakeError) as refusal:
        hosts.set_environment_variable("prod-1", "payments", "TOKEN", value)
    assert value not in str(refusal.value).replace("vault:team/name", "")
    assert hosts.hosts["prod-1"].services["payments"].environment == {}


def test_a_bad_variable_name_is_refused() -> None:
    hosts = failing_payments()
    refused(
        hosts,
        "invalid environment variable name",
        lambda: hosts.set_environment_variable("prod-1", "payments", "A=B", "vault:a/b"),
    )


def test_blue_green_leaves_the_live_colour_alone_until_the_switch() -> None:
    hosts = leaking()
    deploy(hosts, "prod-1", "api", "2.4.1", blue_green=True)
    unit = hosts.hosts["prod-1"].services["api"]
    assert (unit.live_colour, unit.version, unit.idle_version) == ("blue", "2.4.0", "2.4.1")
    assert hosts.switch_live_colour("prod-1", "api", "green").version == "2.4.1"
    assert (unit.live_colour, unit.version, unit.idle_version) == ("green", "2.4.1", "2.4.0")


def test_switching_to_the_live_colour_changes_nothing() -> None:
    hosts = leaking()
    deploy(hosts, "prod-1", "api", "2.4.1", blue_green=True)
    hosts.switch_live_colour("prod-1", "api", "green")
    before = copy.deepcopy(hosts)
    hosts.switch_live_colour("prod-1", "api", "green")
    assert hosts == before


def test_switching_to_an_empty_colour_is_refused() -> None:
    hosts = leaking()
    refused(hosts, "nothing installed on green", lambda: hosts.switch_live_colour("prod-1", "api", "green"))


def test_a_bad_version_shows_on_the_idle_colour_before_it_gets_traffic() -> None:
    hosts = failing_payments()
    deploy(hosts, "staging-1", "payments", "3.0.0")
    deploy(hosts, "prod-1", "payments", "3.0.0", blue_green=True)
    health = hosts.check_health("prod-1").services["payments"]
    assert (health.healthy, health.idle_version, health.idle_healthy) == (True, "3.0.0", False)
    hosts.switch_live_colour("prod-1", "payments", "green")
    assert not hosts.check_health("prod-1").healthy
    hosts.switch_live_colour("prod-1", "payments", "blue")
    assert hosts.check_health("prod-1").healthy


def test_the_first_deployment_to_a_host_must_be_rolling() -> None:
    hosts = failing_payments()
    refused(
        hosts, "must be rolling", lambda: deploy(hosts, "staging-1", "payments", "2.1.1", blue_green=True)
    )


def test_a_rollback_goes_back_one_version_and_is_recorded() -> None:
    hosts = leaking()
    deploy(hosts, "prod-1", "api", "2.4.1")
    assert hosts.rollback("prod-1", "api").version == "2.4.0"
    assert [each.kind for each in hosts.deployments] == ["rolling", "rollback"]
    refused(hosts, "no rollout history found", lambda: hosts.rollback("prod-1", "api"))


def test_a_version_deployed_twice_is_one_step_to_roll_back() -> None:
    hosts = leaking()
    deploy(hosts, "prod-1", "api", "2.4.1")
    deploy(hosts, "prod-1", "api", "2.4.1")
    assert hosts.rollback("prod-1", "api").version == "2.4.0"


def test_a_version_withdrawn_while_the_person_thinks_is_not_deployed() -> None:
    hosts = failing_payments()
    person = Person(Approval(True, ""), meanwhile=lambda: hosts.releases["payments"].pop("2.1.1"))
    with pytest.raises(FakeError, match="manifest unknown"):
        deploy(hosts, "prod-1", "payments", "2.1.1", call=person, skip_staging=True)
    assert hosts.deployments == []
