"""Runs plans: here, or ahead of time on an executor, which changes nothing but how long it takes."""

from __future__ import annotations

import os
import pickle
import platform
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Self

from pytest_mcpflow.errors import ExplorationError
from pytest_mcpflow.explore.interrupts import Interrupts
from pytest_mcpflow.explore.observe import Observation, Seen
from pytest_mcpflow.explore.subject import Subject, impatient_stage
from pytest_mcpflow.explore.swarm import Drawing
from pytest_mcpflow.faults.plan import Fault, FaultPlan
from pytest_mcpflow.schema import ToolSpec
from pytest_mcpflow.stage import Stage

__all__ = ["Job", "Runner"]

AHEAD, AT_ONCE = 64, 8
"""How many runs are asked of an executor ahead of time, and how many of them in one go."""

LOOK, LOOKS = 0.5, 240
"""How long, in real seconds, and how often runs are waited for that an executor does not give back."""

Job = tuple[Fault, ...] | Drawing | int
"""What goes wrong in a run: these faults, or those that are drawn; or nothing, with another order of ready tasks."""


@dataclass(frozen=True)
class Tools:
    """What the tools of a subject promise, asked once each."""

    subject: Subject
    known: dict[str, ToolSpec | None]

    def spec(self, site: str) -> ToolSpec | None:
        if site not in self.known:
            server, _, tool = site.rpartition(".")
            self.known[site] = self.subject.spec(server, tool)
        return self.known[site]


class Runner:
    """Runs the plans of one subject.

    `runs` counts the runs that were asked for; what an executor ran in vain does not count.
    """

    def __init__(self, subject: Subject, executor: Executor | None = None) -> None:
        self.runs = 0
        self.tools = Tools(subject, {})
        self._subject, self._executor = subject, executor
        self._ready: dict[Job, Observation] = {}
        self._stage, self._interrupts = impatient_stage(), Interrupts()
        if executor is not None:
            _check_can_travel(subject)

    def __enter__(self) -> Self:
        self._interrupts.__enter__()
        self._stage.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self._stage.__exit__(exc_type, exc_val, exc_tb)
        self._interrupts.__exit__(exc_type, exc_val, exc_tb)

    def run(
        self,
        job: Job,
        *,
        coming: Callable[[], Iterable[Job]] = tuple,
        thorough: bool = False,
        begins: Sequence[Seen] = (),
    ) -> Observation:
        """Run a plan.

        Args:
            job: What goes wrong.
            coming: What will probably be asked next.
            thorough, begins: See `Subject.observe`.

        Raises:
            KeyboardInterrupt: Somebody has asked to stop.
        """
        self._interrupts.heed()
        self.runs += 1
        if self._executor is not None and not thorough:
            if job not in self._ready:
                self._run_ahead(self._executor, [job, *islice(coming(), AHEAD)])
            return self._ready.pop(job)
        return _run(self._subject, job, self.tools, self._stage, thorough=thorough, begins=begins)

    def _run_ahead(self, executor: Executor, jobs: Sequence[Job]) -> None:
        self._stage.strike()  # an executor starts processes and waits for them in real time
        asked = [job for job in dict.fromkeys(jobs) if job not in self._ready]
        submitted = [*self._submitted(executor, asked)]
        try:
            for chunk, future in submitted:
                seen = self._result(future) if future is not None else None
                if seen is None:  # the executor is gone; nothing is lost with it but time
                    self._executor = None
                    seen = [_run(self._subject, job, self.tools, self._stage) for job in chunk]
                self._ready.update(zip(chunk, seen, strict=True))
        finally:
            for _, future in submitted:
                if future is not None:
                    future.cancel()

    def _result(self, future: Future[list[Observation]]) -> list[Observation] | None:
        """What an executor gives back; `None` if it is gone, or has stopped doing anything.

        Raises:
            KeyboardInterrupt: Somebody has asked to stop.
        """
        for _ in range(LOOKS if self._executor is not None else 1):
            try:
                return future.result(timeout=LOOK)
            except (BrokenExecutor, CancelledError):
                return None
            except TimeoutError:
                self._interrupts.heed()
        return None

    def _submitted(
        self, executor: Executor, jobs: Sequence[Job]
    ) -> Iterator[tuple[Sequence[Job], Future[list[Observation]] | None]]:
        for start in range(0, len(jobs), AT_ONCE):
            chunk = jobs[start : start + AT_ONCE]
            try:
                yield chunk, executor.submit(_run_all, self._subject, chunk, asked_by=_here())
            except BrokenExecutor:
                yield chunk, None


Place = tuple[str, int, int]
"""A host, a process on it, and a thread of that."""


def _here() -> Place:
    return platform.node(), os.getpid(), threading.get_ident()


def _run_all(subject: Subject, jobs: Sequence[Job], *, asked_by: Place) -> list[Observation]:
    """What another process does.

    Raises:
        ExplorationError: It is the same process, in which each thread would put its own virtual time in place.
    """
    here = _here()
    if here[:2] == asked_by[:2] and here != asked_by:
        raise ExplorationError(
            "the executor runs plans in threads of this process, and virtual time is one for a whole process; take one "
            "that has processes of its own: concurrent.futures.ProcessPoolExecutor, a cluster's client, or none"
        )
    tools = Tools(subject, {})
    with impatient_stage() as stage:
        return [_run(subject, job, tools, stage) for job in jobs]


def _run(
    subject: Subject,
    job: Job,
    tools: Tools,
    stage: Stage,
    *,
    thorough: bool = False,
    begins: Sequence[Seen] = (),
) -> Observation:
    if isinstance(job, Drawing):
        plan, choose = FaultPlan(seed=subject.seed), job.choose(tools.spec)
        return subject.observe(plan, stage=stage, choose=choose, remembers=job.remembers)
    if isinstance(job, int):
        return subject.observe(FaultPlan(seed=subject.seed), stage=stage, schedule=job)
    return subject.observe(FaultPlan(job, subject.seed), stage=stage, thorough=thorough, begins=begins)


def _check_can_travel(subject: Subject) -> None:
    try:
        pickle.dumps(subject)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ExplorationError(
            f"{subject.name} cannot go to other processes: {error}; an executor needs a world and a workflow that are "
            "defined at the top of a module, not inside a function and no lambda"
        ) from error
