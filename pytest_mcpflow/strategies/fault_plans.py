"""Plans of faults for the tools of a world."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, cast

from hypothesis import strategies as st

from pytest_mcpflow.errors import FaultPlanError, UnknownNameError
from pytest_mcpflow.fake import Fake
from pytest_mcpflow.faults.catalogue import KINDS
from pytest_mcpflow.faults.kind import FaultKind, arguments_of
from pytest_mcpflow.faults.plan import Fault, FaultPlan, together
from pytest_mcpflow.schema import ToolSpec, contract_of
from pytest_mcpflow.ways import Way

__all__ = ["plans"]

SECONDS = st.sampled_from((0.0, 0.5, 3.0, 30.0, 300.0)) | st.floats(0, 600).map(lambda value: round(value, 1))
_BY_NAME: Mapping[str, st.SearchStrategy[float]] = {
    "code": st.sampled_from((400.0, 401.0, 403.0, 404.0, 409.0, 429.0, 500.0, 502.0, 503.0, 504.0)),
    "keep": st.integers(0, 99).map(float),
}
"""Arguments of kinds that are no durations."""


def plans(
    world: Fake | Mapping[str, Fake] | Sequence[Fake],
    *,
    kinds: Collection[type[FaultKind]] | None = None,
    max_faults: int = 3,
    max_occurrence: int = 3,
    way: Way = Way.MEMORY,
    changes: Sequence[str] = (),
) -> st.SearchStrategy[FaultPlan]:
    """Plans of faults that can happen to the tools of a world; the smallest, which shrinking ends at, is empty.

    A fault is at one tool, at all of a server, at two servers together, or at all of them.

    Args:
        world: The fakes, under the names they are served by, or under those of their services.
        kinds: What may go wrong, by default every kind that ships and can happen there.
        max_faults: How many faults a plan has at most.
        max_occurrence: The last call of a tool that a fault names.
        way: How calls reach the fakes; some kinds need bytes on a wire.
        changes: The names of changes that `hub.faults.define_change` knows, for the kind `change`.

    Raises:
        FaultPlanError: Nothing of this can go wrong: there are no tools, or none of the kinds can happen to them; or
            the world is of something else than fakes.
    """
    possible = [
        (site, kind, specs)
        for site, specs in _sites(_by_name(world))
        for kind in (KINDS.values() if kinds is None else kinds)
        if all(_can_happen(kind, spec, way, changes) for spec in specs)
    ]
    if not possible:
        raise FaultPlanError(
            "no fault can be drawn: none of the kinds can happen to a tool of this world; give fakes with tools, and "
            "kinds that their tools and the way allow"
        )
    by_site: dict[str, list[tuple[type[FaultKind], Sequence[ToolSpec]]]] = {}
    for site, kind, specs in possible:
        by_site.setdefault(site, []).append((kind, specs))

    several = [site for site, _, specs in possible if len(specs) > 1]
    sites = st.sampled_from([site for site in by_site if site not in several])
    sites = sites | st.sampled_from([*dict.fromkeys(several)]) if several else sites

    @st.composite
    def fault(draw: st.DrawFn) -> Fault:
        site = draw(sites)
        kind_type, specs = draw(st.sampled_from(by_site[site]))
        kind = draw(_kind(kind_type, tuple(changes)))
        if any(kind.objection(spec) is not None for spec in specs):
            kind = kind_type()
        first = draw(st.integers(1, max_occurrence))
        last = draw(st.sampled_from([first, None]) | st.integers(first, max(first, max_occurrence)))
        return Fault(site, kind, first, last)

    # Each fault once, by dropping it here: a list that is unique by itself shrinks less far.
    drawn = st.lists(fault(), max_size=max_faults).map(lambda faults: tuple(dict.fromkeys(faults)))
    return st.builds(FaultPlan, drawn, st.integers(0, 99))


def _sites(world: Mapping[str, Fake]) -> Iterator[tuple[str, Sequence[ToolSpec]]]:
    """Each tool, each server of several tools, each two servers, and all of them, with the tools they name."""
    of_servers = {name: contract_of(fake).tools for name, fake in world.items()}
    for name, tools in of_servers.items():
        yield from ((f"{name}.{tool}", (spec,)) for tool, spec in tools.items())
    named = [name for name, tools in of_servers.items() if tools]
    for name in named:
        if len(of_servers[name]) > 1:
            yield together([name]), [*of_servers[name].values()]
    groups = [*combinations(named, 2), *([tuple(named)] if len(named) > 2 else [])]
    for group in groups:
        yield together(group), [spec for name in group for spec in of_servers[name].values()]


def _by_name(world: Fake | Mapping[str, Fake] | Sequence[Fake]) -> Mapping[str, Fake]:
    if isinstance(world, Mapping):
        return {name: _checked(fake) for name, fake in world.items()}
    fakes = [_checked(fake) for fake in _listed(world)]
    named = {fake.service: fake for fake in fakes}
    if len(named) < len(fakes):
        names = [fake.service for fake in fakes]
        twice = next(name for name in names if names.count(name) > 1)
        raise UnknownNameError("single server", twice, names, advice="Give the fakes in a dict, by name")
    return named


def _listed(world: object) -> list[object]:
    is_one = isinstance(world, str) or not isinstance(world, Iterable)
    return [world] if is_one else [*cast("Iterable[object]", world)]


def _checked(value: object) -> Fake:
    """A fake that was given.

    Raises:
        FaultPlanError: It is none.
    """
    if isinstance(value, type) and issubclass(value, Fake):
        raise FaultPlanError(
            f"plans are drawn for fakes, and {value.__name__} is a class; pass {value.__name__}()"
        )
    if not isinstance(value, Fake):
        raise FaultPlanError(f"plans are drawn for a fake, or for several in a list or a dict, got {value!r}")
    return value


def _can_happen(kind: type[FaultKind], spec: ToolSpec, way: Way, changes: Sequence[str]) -> bool:
    if kind.ways and way not in kind.ways:
        return False
    plain = kind()
    if plain.needs_change is not None and not changes:
        return False
    return plain.objection(spec) is None


def _kind(kind: type[FaultKind], changes: tuple[str, ...]) -> st.SearchStrategy[FaultKind]:
    """A kind with some of its arguments given; those that it refuses are drawn again."""
    if kind().needs_change is not None:
        texts = [name for name, accepted in arguments_of(kind).items() if accepted is str]
        return st.sampled_from(changes).map(lambda change: kind(**dict.fromkeys(texts, change)))
    given = {name: _argument(name, accepted) for name, accepted in arguments_of(kind).items()}
    return (
        st.fixed_dictionaries({}, optional=given)
        .filter(lambda values: _takes(kind, values))
        .map(lambda values: kind(**values))
    )


def _takes(kind: type[FaultKind], values: Mapping[str, Any]) -> bool:
    try:
        kind(**values)
    except ValueError:
        return False
    return True


def _argument(name: str, accepted: Any) -> st.SearchStrategy[Any]:
    if accepted is float:
        return _BY_NAME.get(name, SECONDS)
    return st.text(max_size=20) if accepted is str else st.sampled_from(accepted)
