"""What mcpflow_fuzz is asked, what it says, and that two runs are alike."""

from __future__ import annotations

import asyncio
import copy
import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from checkout import ROOT
from mcp import StdioServerParameters
from planted_promises import PLANTED, Shelf

from pytest_mcpflow import (
    Fake,
    FakeError,
    FuzzError,
    Law,
    LawBrokenError,
    ManualClock,
    UnknownNameError,
    VacuousTestError,
    load_state,
    mcpflow_fuzz,
    tool,
)
from pytest_mcpflow.strategies import worlds

CRASHING = PLANTED["a crash"][0]
GREETER = ROOT / "examples" / "own_server" / "greeter.py"


def broken_by(server: Fake, *, replay: str | None = None, examples: int = 100) -> LawBrokenError:
    with pytest.raises(LawBrokenError) as caught:
        mcpflow_fuzz(server, replay=replay, examples=examples)
    return caught.value


def test_a_fake_that_keeps_its_promises_is_reported_with_what_was_tried() -> None:
    report = mcpflow_fuzz(Shelf({"Emma": 2}), examples=20)

    assert (report.server, report.sessions) == ("shelf", 20)
    assert report.steps > 100
    assert report.never_answered == ()
    assert "  lend: " in str(report)


def test_a_failure_says_the_promise_the_calls_and_how_to_make_them_again() -> None:
    broken = broken_by(CRASHING)

    lines = str(broken).splitlines()
    assert lines[0] == "crashing breaks a promise: valid calls never crash"
    assert re.fullmatch("  lend: ZeroDivisionError: .*by zero", lines[1])  # in the words of this Python
    assert lines[3] == "  t=    0.0  put(title='') -> ''"
    assert lines[4] == "  t=    0.0  again: put(title='') -> ''"
    assert lines[5].startswith("  t=    0.0  lend(title='') -> crashed: ZeroDivisionError")
    assert lines[-1] == f"reproduce: mcpflow_fuzz(Crashing(books={{}}), replay={broken.replay!r})"
    assert isinstance(broken.__cause__, ZeroDivisionError)


def test_the_line_that_reproduces_a_failure_does() -> None:
    broken = broken_by(CRASHING)

    again = broken_by(CRASHING, replay=broken.replay)

    assert str(again) == str(broken)


def test_steps_that_break_nothing_any_more_are_reported_as_such() -> None:
    broken = broken_by(CRASHING)

    report = mcpflow_fuzz(Shelf(), replay=broken.replay)

    assert report.sessions == 1


def test_answers_to_questions_are_part_of_what_is_made_again() -> None:
    broken = broken_by(PLANTED["an error after a question"][0])

    (step,) = json.loads(broken.replay)
    assert step["answers"] == [{"sure": False}]
    assert broken_by(PLANTED["an error after a question"][0], replay=broken.replay).law == Law.ERRORS


def test_a_fake_that_is_given_stays_as_it_is() -> None:
    shelf = Shelf({"Emma": 2})

    mcpflow_fuzz(shelf, examples=5)

    assert shelf == Shelf({"Emma": 2})


def test_time_goes_on_where_the_given_fake_is() -> None:
    clock = ManualClock()
    clock.advance(50.0)
    used = copy.deepcopy(CRASHING)
    used.clock = clock

    assert "  t=   50.0  put(" in str(broken_by(used))


def test_a_class_and_a_function_make_a_fake_for_each_session() -> None:
    assert mcpflow_fuzz(Shelf, examples=5).sessions == 5
    assert mcpflow_fuzz(lambda: Shelf({"Emma": 1}), examples=5).sessions == 5


def test_worlds_can_be_drawn_and_a_failure_says_which_one_it_was() -> None:
    with pytest.raises(LawBrokenError) as caught:
        mcpflow_fuzz(worlds(type(CRASHING)), examples=200)

    line = str(caught.value).splitlines()[-1]
    assert line.startswith('reproduce: mcpflow_fuzz(load_state(Crashing, \'{"service": "crashing"')
    broken_again = eval(  # noqa: S307 - what a reader would paste
        line.removeprefix("reproduce: mcpflow_fuzz(").partition(", replay=")[0],
        {"load_state": load_state, "Crashing": type(CRASHING)},
    )
    assert broken_by(broken_again, replay=caught.value.replay).law == Law.NO_CRASH


def test_a_law_that_is_not_asked_for_is_not_held() -> None:
    laws = [law for law in Law if law is not Law.NO_CRASH]

    assert mcpflow_fuzz(CRASHING, examples=20, laws=laws).sessions == 20


def test_tools_can_be_chosen_and_left_out() -> None:
    assert [*mcpflow_fuzz(CRASHING, examples=10, without=["lend"]).tools] == ["put", "count"]
    assert [*mcpflow_fuzz(Shelf(), examples=10, tools=["c*", "put"]).tools] == ["put", "count"]


def test_known_values_are_tried() -> None:
    @dataclass
    class Vault(Fake):
        """Opens to one word."""

        opened: int = field(default=0)

        @tool()
        def open(self, word: str) -> int:
            """Open."""
            if word != "sesame":
                raise FakeError("no")
            self.opened += 1
            return self.opened

    with pytest.raises(VacuousTestError, match="no call of vault was answered in 20 sessions"):
        mcpflow_fuzz(Vault(), examples=20)
    assert mcpflow_fuzz(Vault(), examples=20, known={"word": ["sesame"]}).tools["open"].answered > 20


def test_another_seed_tries_something_else_and_the_same_one_the_same() -> None:
    reports = [mcpflow_fuzz(Shelf(), examples=10, seed=seed) for seed in (1, 1, 2)]

    assert reports[0] == reports[1] != reports[2]


def test_two_processes_try_the_same() -> None:
    program = (
        "from planted_promises import Shelf\n"
        "from pytest_mcpflow import mcpflow_fuzz\n"
        "print(mcpflow_fuzz(Shelf({'Emma': 1, 'Ulysses': 2}), examples=10))\n"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT / "tests",
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]

    assert "10 sessions" in said[0]
    assert said[0] == said[1]


def test_a_command_is_started_for_each_session() -> None:
    server = StdioServerParameters(command=sys.executable, args=[str(GREETER)])

    report = mcpflow_fuzz(server, examples=2, steps=5)

    assert (report.server, report.sessions) == ("greeter", 2)
    assert report.tools["greet"].answered


def test_a_server_that_remembers_other_sessions_is_told_as_such() -> None:
    calls: list[str] = []

    @dataclass
    class Moody(Shelf):
        """Fails once in a lifetime."""

        @tool(reads=True)
        def count(self, title: str) -> int:
            """Count."""
            calls.append(title)
            return 1 // (len(calls) - 5)

    with pytest.raises(LawBrokenError, match="made again, these steps broke nothing"):
        mcpflow_fuzz(Moody(), examples=50)


def test_the_line_that_reproduces_a_failure_names_the_laws_where_some_were_left_out() -> None:
    with pytest.raises(LawBrokenError, match=r"Crashing\(books=\{\}\), laws=\[Law.NO_CRASH\], replay="):
        mcpflow_fuzz(CRASHING, laws=[Law.NO_CRASH])
    with pytest.raises(LawBrokenError, match=r"laws=set\(Law\) - \{Law.SCHEMA, Law.STATE\}, replay="):
        mcpflow_fuzz(CRASHING, laws=set(Law) - {Law.SCHEMA, Law.STATE})


def test_what_has_no_name_that_can_be_pasted_is_told_as_the_same() -> None:
    @dataclass
    class Local(Shelf):
        """Crashes."""

        @tool(reads=True)
        def count(self, title: str) -> int:
            """Count."""
            return self.books[title]

    def made() -> Fake:
        return Local()

    for server, name in ((Local, "Local"), (Local(), "Local"), (made, "made")):
        with pytest.raises(LawBrokenError, match=rf"mcpflow_fuzz\(<the same {name}>, replay="):
            mcpflow_fuzz(server)


def test_a_failure_shows_the_call_of_the_fuzz_and_none_of_its_frames() -> None:
    for wrong in (partial(mcpflow_fuzz, CRASHING), partial(mcpflow_fuzz, Shelf(), tools=["lent"])):
        with pytest.raises((LawBrokenError, UnknownNameError)) as caught:
            wrong()

        assert [each.name for each in caught.traceback][-1] == "mcpflow_fuzz"


@pytest.mark.parametrize("asked", [{"examples": 0}, {"steps": -1}])
def test_a_fuzz_of_nothing_is_refused(asked: dict[str, int]) -> None:
    with pytest.raises(FuzzError, match="is a number of at least 1, got"):
        mcpflow_fuzz(Shelf(), **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("replay", "said"),
    [
        ("put it", "replay= is what a failure printed, and this is no JSON"),
        ('{"call": "put"}', "replay= is a list of steps, got {call='put'}"),
        ('[{"cal": "put"}]', r"\{cal='put'\} is no step; a step has `call` and `with`"),
    ],
)
def test_a_text_that_is_no_list_of_steps_is_refused(replay: str, said: str) -> None:
    with pytest.raises(FuzzError, match=said):
        mcpflow_fuzz(Shelf(), replay=replay)


def test_names_that_no_tool_has_are_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"tool of shelf 'lent'; .*lend"):
        mcpflow_fuzz(Shelf(), tools=["lent"])
    with pytest.raises(UnknownNameError, match="tool of shelf 'lent'"):
        mcpflow_fuzz(Shelf(), replay='[{"call": "lent", "with": {}}]')


def test_a_server_without_tools_to_call_is_refused() -> None:
    with pytest.raises(FuzzError, match="shelf has no tools that are left to call; it has: put, count, lend"):
        mcpflow_fuzz(Shelf(), without=["*"])


def test_what_is_no_server_is_refused() -> None:
    with pytest.raises(
        FuzzError, match="takes a fake, an SDK server, what makes one, a command or an address; got 7"
    ):
        mcpflow_fuzz(7)  # type: ignore[arg-type]


def test_inside_of_an_event_loop_it_says_where_it_can_be_called() -> None:
    async def call() -> None:
        mcpflow_fuzz(Shelf())

    with pytest.raises(FuzzError, match="call it from a plain `def`"):
        asyncio.run(call())


def test_without_hypothesis_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "hypothesis.py").write_text(
        "raise ModuleNotFoundError('no', name='hypothesis')", encoding="utf-8"
    )
    program = (
        "import pytest_mcpflow as m\n"
        "for ask in (lambda: m.mcpflow_fuzz(m.Fake), lambda: __import__('pytest_mcpflow.strategies')):\n"
        "    try:\n"
        "        ask()\n"
        "    except ImportError as error:\n"
        "        print(error)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert said.splitlines() == [
        "mcpflow_fuzz needs hypothesis; install it with: pip install 'pytest-mcpflow[hypothesis]'",
        "pytest_mcpflow.strategies needs hypothesis; install it with: pip install 'pytest-mcpflow[hypothesis]'",
    ]
