"""The recovery of a dropped database when servers fail, and when the recovery itself is wrong."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants import disaster_recovery as mutants
from planned import SINGLE_FAULTS, call_sites
from tampering import omitting

from pytest_mcpflow import Hub, Way
from pytest_mcpflow.fakes.desktop_commander import Script
from pytest_mcpflow.fakes.droplet_executor import Snapshot
from pytest_mcpflow.scenario import invariants_of
from pytest_mcpflow.scenarios.disaster_recovery import DisasterRecovery
from pytest_mcpflow.verdict import Judgement, Verdict, judge

WINDOW = "2026-01-01T02:00:00Z to 2026-01-01T04:00:00Z"


@cache
def reference() -> Judgement:
    return judge(DisasterRecovery(), way=Way.DIRECT)


def faulted(plan: str) -> tuple[DisasterRecovery, Judgement]:
    scenario = DisasterRecovery()
    return scenario, judge(scenario, way=Way.DIRECT, plan=plan)


def invariants_broken(judgement: Judgement) -> list[str]:
    return [str(broken) for broken in judgement.broken if broken.check not in ("expect", "workflow")]


@pytest.mark.parametrize("kind", SINGLE_FAULTS)
def test_any_call_may_fail_and_the_recovery_ends_as_documented_but_for_the_issue(kind: str) -> None:
    unlike, no_good = set[str](), list[str]()
    for site in call_sites(reference().transcript):
        _, judgement = faulted(f"{site}={kind}")
        no_good += [] if judgement.verdict.is_good else [f"{site}={kind} {judgement.verdict}"]
        unlike |= {site.partition("#")[0]} if judgement.broken else set()

    assert no_good == []
    # Nothing tells whether an issue was opened, so it is neither repeated nor passed over.
    assert unlike == {"github.create_issue"}


@pytest.mark.parametrize("kind", SINGLE_FAULTS)
def test_a_tool_that_never_works_ends_loudly_and_breaks_no_rule(kind: str) -> None:
    for site in sorted(reference().transcript.counts()):
        _, judgement = faulted(f"{site}#*={kind}")

        assert invariants_broken(judgement) == [], site
        assert judgement.verdict in (Verdict.RECOVERED, Verdict.FAILED_LOUDLY), site


FAULTS = st.deferred(
    lambda: st.builds(
        "{}#{}={}".format,
        st.sampled_from(sorted(reference().transcript.counts())),
        st.integers(1, 4),
        st.sampled_from(SINGLE_FAULTS),
    )
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(FAULTS, min_size=2, max_size=3))
def test_no_few_faults_together_break_a_rule(faults: list[str]) -> None:
    _, judgement = faulted(", ".join(faults))

    assert invariants_broken(judgement) == []


@pytest.mark.parametrize("tool", ["create_database", "restore_snapshot", "replay_transaction_log"])
@pytest.mark.parametrize("kind", ["lose_reply", "late"])
def test_a_step_whose_answer_is_lost_is_found_done_and_not_asked_for_again(tool: str, kind: str) -> None:
    scenario, judgement = faulted(f"droplet-executor.{tool}={kind}")

    assert judgement.broken == ()
    assert len(judgement.transcript.calls(tool)) == 1
    assert scenario.production.record_of("shop-restored").replays == {"log-0200": 1}


def test_a_lost_issue_is_not_repeated_and_people_hear_the_loss_all_the_same() -> None:
    scenario, judgement = faulted("create_issue=lose_reply")

    assert len(scenario.hosting.repositories["shop/operations"].issues) == 1
    assert f"17 orders of {WINDOW} are lost, and the follow-up failed" in scenario.people.alerts[-1].message
    assert "follow-up failed" in str(judgement.cause)


def test_a_recovery_that_stops_half_way_tells_the_window() -> None:
    scenario, judgement = faulted("replay_transaction_log=refuse")

    assert {service.database for service in scenario.production.hosts["prod-1"].services.values()} == {"shop"}
    assert scenario.people.alerts[-1].message.startswith(
        f"Recovering shop failed (data loss window: {WINDOW})"
    )
    assert [broken.check for broken in judgement.broken] == ["workflow"]


def test_alerts_that_do_not_get_through_stop_no_repair_and_no_pretence() -> None:
    scenario, judgement = faulted("send_alert=refuse")

    assert {service.database for service in scenario.production.hosts["prod-1"].services.values()} == {
        "shop-restored"
    }
    assert "people were not told" in str(judgement.cause)


def test_a_database_that_is_alive_is_left_alone() -> None:
    scenario = DisasterRecovery()
    alive = scenario.production.record_of("shop")
    alive.exists, alive.dropped_at, alive.rows = True, None, 850

    judgement = judge(scenario, way=Way.DIRECT)

    assert "nothing is restored beside a living database" in str(judgement.cause)
    assert not judgement.transcript.calls("create_database")
    assert alive.rows == 850


def test_an_instance_of_that_name_that_holds_data_is_not_touched() -> None:
    scenario = DisasterRecovery()
    mine = scenario.production.hosts["staging-1"].databases["shop-staging"]
    scenario.production.hosts["staging-1"].databases["shop-restored"] = mine

    judgement = judge(scenario, way=Way.DIRECT)

    assert 'database "shop-restored" already exists' in str(judgement.cause)
    assert not judgement.transcript.calls("restore_snapshot")
    assert mine.rows == 120


def test_without_a_snapshot_from_before_the_loss_nothing_is_restored() -> None:
    scenario = DisasterRecovery()
    lost = scenario.production.record_of("shop")
    lost.snapshots = {"snapshot-0402": Snapshot("2026-01-01T04:02:00Z")}

    judgement = judge(scenario, way=Way.DIRECT)

    assert "no snapshot from before 2026-01-01T04:00:00Z" in str(judgement.cause)
    assert not judgement.transcript.calls("create_database")
    assert scenario.people.alerts[-1].message.startswith(
        "Recovering shop failed (data loss window: not known yet)"
    )


def test_services_stay_away_from_data_that_is_not_what_was_promised() -> None:
    scenario = DisasterRecovery()

    def rot(_: object) -> None:
        scenario.production.record_of("shop-restored").rows -= 1

    async def rotten(hub: Hub) -> object:
        hub.on_effect("droplet-executor.replay_transaction_log", rot)
        return await scenario.workflow(hub)

    judgement = judge(scenario, way=Way.DIRECT, workflow=rotten)

    assert "the data is not what was promised" in str(judgement.cause)
    assert not judgement.transcript.calls("set_service_database")


def test_failing_integration_tests_are_no_recovery() -> None:
    scenario = DisasterRecovery()
    refused = Script("npm run test:integration*", stderr="2 failed", exit_code=1)

    async def failing(hub: Hub) -> object:
        hub.on_effect("droplet-executor.deploy", lambda _: setattr(scenario.desktop, "scripts", [refused]))
        return await scenario.workflow(hub)

    judgement = judge(scenario, way=Way.DIRECT, workflow=failing)

    assert "integration tests say '2 failed'" in str(judgement.cause)
    assert scenario.people.notifications == []
    assert scenario.people.alerts[0].resolved_at is None


def test_every_rule_has_a_recovery_that_breaks_it() -> None:
    rules = {rule.name for rule in invariants_of(DisasterRecovery())}

    assert rules == {check for _, check in mutants.MUTANTS.values()}


def test_no_step_with_an_effect_can_be_left_out_unnoticed() -> None:
    unnoticed = [
        str(call)
        for number, call in enumerate(reference().transcript)
        if call.effect
        and not judge(
            DisasterRecovery(),
            way=Way.DIRECT,
            workflow=omitting(DisasterRecovery().workflow, number, reference().transcript),
        ).broken
    ]

    assert unnoticed == []
