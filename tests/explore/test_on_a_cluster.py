"""An exploration on a real Dask cluster, two worker processes on the loopback address, is the one made here."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

import pytest
from chaos.corpus import KINDS
from chaos.development.records import ShoppingTakesTheLastPrice

from pytest_mcpflow.explore import Exploration, explore

distributed = pytest.importorskip("distributed", reason="there is no distributed; install the extra `test`")

P = ParamSpec("P")
T = TypeVar("T")
RUNS = 150

pytestmark = pytest.mark.filterwarnings("default")  # of what is not ours


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A client of a cluster of its own."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_it_is_the_same_as_in_one_process(client: Any) -> None:
    with client.get_executor() as executor:
        assert exploration(executor) == exploration(None)


def test_the_loss_of_a_worker_changes_nothing(client: Any) -> None:
    pids = client.run(os.getpid)

    with client.get_executor() as executor:
        losing = LosingAWorker(executor, min(pids.values()))
        found = exploration(losing)

    assert losing.submitted > LosingAWorker.AT
    assert found == exploration(None)


class LosingAWorker(Executor):
    """Kills a worker of the cluster while it has something to do."""

    AT = 4

    def __init__(self, executor: Executor, pid: int) -> None:
        self.submitted = 0
        self._executor, self._pid = executor, pid

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        self.submitted += 1
        future = self._executor.submit(fn, *args, **kwargs)
        if self.submitted == self.AT:
            os.kill(self._pid, signal.SIGKILL)
        return future


def exploration(executor: Executor | None) -> Exploration:
    return explore(None, ShoppingTakesTheLastPrice, depth=2, kinds=KINDS, runs=RUNS, executor=executor)
