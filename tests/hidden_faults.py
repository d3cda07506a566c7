"""What a workflow hides: a fault that reaches nobody's pager, a step that could as well be left out."""

from __future__ import annotations

from planned import Fault
from single_faults import Faulted, each_call_failing, faulted, reference
from tampering import omitting

from pytest_mcpflow import Interaction, Scenario, Transcript
from pytest_mcpflow.fakes.communication_hub import CommunicationHub
from pytest_mcpflow.scenario import world_of

__all__ = ["alerts", "dead_tools_hidden", "faults_hidden", "steps_unnoticed"]


def alerts(scenario: Scenario) -> list[str]:
    """The texts of the alerts that were sent, in order."""
    hubs = [fake for fake in world_of(scenario).values() if isinstance(fake, CommunicationHub)]
    return [alert.message for people in hubs for alert in people.alerts]


def faults_hidden(scenario: type[Scenario], fault: Fault) -> list[str]:
    """What goes wrong unheard when one call fails; each call of the run in turn."""
    return [wrong for site, run in each_call_failing(scenario, fault) if (wrong := _hidden(run, site))]


def dead_tools_hidden(scenario: type[Scenario], fault: Fault) -> list[str]:
    """The same for a tool none of whose calls ever works; each tool in turn."""
    sites = sorted(reference(scenario).transcript.counts())
    runs = [(site, faulted(scenario(), {site: fault})) for site in sites]
    return [wrong for site, run in runs if (wrong := _hidden(run, site))]


def steps_unnoticed(scenario: type[Scenario]) -> list[str]:
    """The calls with an effect that a workflow can leave out, and no check says so, nor does it make up for them."""
    calls = reference(scenario).transcript

    def is_unnoticed(number: int) -> bool:
        judgement = faulted(scenario(), {}, omitting(scenario().workflow, number, calls)).judgement
        made_up_for = _count(judgement.transcript, calls[number]) >= _count(calls, calls[number])
        return not judgement.broken and not made_up_for

    return [str(call) for number, call in enumerate(calls) if call.effect and is_unnoticed(number)]


def _count(transcript: Transcript, call: Interaction) -> int:
    """How often a call like this one changed the world."""
    alike = [each for each in transcript if (each.site, each.arguments) == (call.site, call.arguments)]
    return sum(each.effect is True for each in alike)


def _hidden(run: Faulted[Scenario], site: str) -> str | None:
    """Why nobody would notice: the run is silent, or it did not end as documented and no alert says so."""
    usual = len(reference(type(run.scenario)).transcript.effects("send_alert"))
    told = site.endswith(".send_alert") or len(alerts(run.scenario)) > usual
    if run.silence is not None or run.is_as_documented or told:
        return run.silence
    return f"{run.what}: nobody is alerted, though {run.judgement.broken[0].why}"
