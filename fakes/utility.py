"""A fake of the utility server: an echo to test a connection with, and the weather of some cities."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal

from pytest_mcpflow.fake import Fake, FakeError, tool

__all__ = ["Climate", "Echo", "Utility", "WeatherReport"]

Units = Literal["metric", "imperial"]


@dataclass
class Climate:
    """The weather of a city: degrees Celsius, percent, metres per second."""

    celsius: float
    conditions: str = "clear"
    humidity: int = 50
    wind: float = 3.0


@dataclass
class Observation:
    """What the weather was at a time, in seconds on the fake's clock."""

    at: float
    climate: Climate


@dataclass
class Echo:
    """What was said, and its length in characters."""

    message: str
    length: int


@dataclass
class WeatherReport:
    """The weather in the units that were asked for: Celsius and m/s, or Fahrenheit and miles per hour.

    `observed_at` is ISO 8601; `stale` says that it is the last report from before the weather service failed.
    """

    city: str
    units: Units
    temperature: float
    conditions: str
    humidity: int
    wind_speed: float
    observed_at: str
    stale: bool


@dataclass
class Utility(Fake):
    """Small tools that need no key and change nothing."""

    cities: dict[str, Climate] = field(default_factory=dict[str, Climate])
    max_message_length: int = 1000
    available: bool = True
    """Whether the server works at all."""
    weather_available: bool = True
    """Whether the weather service behind it works."""
    weather_back_at: float | None = None
    """When (seconds on the clock) the weather service works again, if it does not work and that is known."""
    observed: dict[str, Observation] = field(
        default_factory=dict[str, Observation], repr=False, compare=False
    )
    """What was fetched last for each city: bookkeeping, and no state that a client can change."""

    @tool(reads=True)
    def echo(self, message: str) -> Echo:
        """Say a message of at most 1000 characters again."""
        self._answers()
        if len(message) > self.max_message_length:
            raise FakeError(
                f"400 Bad Request: message has {len(message)} characters, at most {self.max_message_length} are allowed"
            )
        return Echo(message, len(message))

    @tool(reads=True)
    def get_weather(self, city: str, units: Units = "metric") -> WeatherReport:
        """Say what the weather in a city is, or was when the weather service last answered."""
        self._answers()
        if city not in self.cities:
            raise FakeError(f"404 Not Found: no city {city!r} (there is: {', '.join(sorted(self.cities))})")
        if self._has_weather():
            self.observe(city, at=self.clock.now())
        elif city not in self.observed:
            raise FakeError("502 Bad Gateway: the weather service does not answer")
        last = self.observed[city]
        climate = last.climate
        is_metric = units == "metric"
        observed = self.clock.starts_at + timedelta(seconds=last.at)
        return WeatherReport(
            city=city,
            units=units,
            temperature=climate.celsius if is_metric else round(climate.celsius * 9 / 5 + 32, 1),
            conditions=climate.conditions,
            humidity=climate.humidity,
            wind_speed=climate.wind if is_metric else round(climate.wind * 2.23694, 1),
            observed_at=observed.isoformat(timespec="seconds").replace("+00:00", "Z"),
            stale=not self._has_weather(),
        )

    def observe(self, city: str, *, at: float) -> None:
        """Have fetched what the weather of a city is at `at`, before the run if that is below zero."""
        self.observed[city] = Observation(at, replace(self.cities[city]))

    def _has_weather(self) -> bool:
        is_back = self.weather_back_at is not None and self.clock.now() >= self.weather_back_at
        return self.weather_available or is_back

    def _answers(self) -> None:
        if not self.available:
            raise FakeError("503 Service Unavailable")
