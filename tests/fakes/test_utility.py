"""The fake utility server: an echo and the weather."""

from __future__ import annotations

import copy

import pytest

from pytest_mcpflow import ArgumentError, FakeError, Hub, ManualClock, run
from pytest_mcpflow.fakes.utility import Climate, Utility


def server() -> Utility:
    return Utility(cities={"London": Climate(10.0, "rain", 80, 5.0)})


def test_a_message_of_a_thousand_characters_is_echoed() -> None:
    answer = server().echo("x" * 1000)

    assert (answer.message, answer.length) == ("x" * 1000, 1000)


def test_a_message_of_more_is_refused_with_both_numbers() -> None:
    with pytest.raises(FakeError, match=r"400 .* has 1001 characters, at most 1000"):
        server().echo("x" * 1001)


def test_the_weather_is_metric_unless_asked_otherwise() -> None:
    fake = server()
    metric, imperial = fake.get_weather("London"), fake.get_weather("London", "imperial")

    assert (metric.units, metric.temperature, metric.wind_speed) == ("metric", 10.0, 5.0)
    assert (imperial.units, imperial.temperature, imperial.wind_speed) == ("imperial", 50.0, 11.2)
    assert (metric.conditions, metric.humidity) == (imperial.conditions, imperial.humidity) == ("rain", 80)


def test_a_city_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(FakeError, match=r"404 Not Found: no city 'Paris' \(there is: London\)"):
        server().get_weather("Paris")


def test_the_last_report_is_served_as_stale_while_the_weather_service_is_away() -> None:
    fake = server()
    assert isinstance(fake.clock, ManualClock)
    before = fake.get_weather("London")
    fake.weather_available, fake.cities["London"] = False, Climate(30.0)
    fake.clock.advance(60)
    report = fake.get_weather("London")

    assert (before.stale, before.observed_at) == (False, "2026-01-01T00:00:00Z")
    assert (report.stale, report.observed_at, report.temperature) == (True, "2026-01-01T00:00:00Z", 10.0)


def test_without_a_report_the_weather_cannot_be_said() -> None:
    fake = server()
    fake.weather_available = False
    before = copy.deepcopy(fake)

    with pytest.raises(FakeError, match="502 Bad Gateway"):
        fake.get_weather("London")
    assert fake == before


def test_the_weather_service_comes_back_when_it_is_said_to() -> None:
    fake = server()
    assert isinstance(fake.clock, ManualClock)
    fake.weather_available, fake.weather_back_at = False, 2.0
    fake.clock.advance(1.9)
    with pytest.raises(FakeError, match="502"):
        fake.get_weather("London")
    fake.clock.advance(0.1)

    assert not fake.get_weather("London").stale


def test_a_server_that_is_down_refuses_everything() -> None:
    fake = server()
    fake.available = False

    for call in (lambda: fake.echo("x"), lambda: fake.get_weather("London")):
        with pytest.raises(FakeError, match=r"^503 Service Unavailable$"):
            call()


def test_units_are_one_of_two() -> None:
    async def ask() -> None:
        async with Hub() as hub:
            hub.serve(server())
            with pytest.raises(ArgumentError):
                await hub.call_tool("utility.get_weather", {"city": "London", "units": "kelvin"})

    run(ask())
