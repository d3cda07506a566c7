"""Tapes that were changed at random: each is read and played right, or refused with file and line.

python benchmarks/fuzz_tapes.py --runs 100000

What a tape that can still be read answers is compared with its lines; anything else than an answer of the tape or a
`CassetteError` that names file and line is a failure, and so is a tape that takes longer than five seconds. A failure
prints the seed that makes the same tape again: --seed N --runs 1.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from pytest_mcpflow.cassette.matching import request_key
from pytest_mcpflow.cassette.operations import Operation, Result, operations
from pytest_mcpflow.cassette.player import Player, Tape
from pytest_mcpflow.cassette.recording import in_no_era
from pytest_mcpflow.cassette.speaker import Speaker
from pytest_mcpflow.errors import CassetteError

ROOT = Path(__file__).resolve().parents[1]
LONGEST = 5
"""Seconds that one tape may take."""

EACH = 500
"""Tapes that a process makes at once."""

WITHOUT_A_LINE = re.compile(r"^cassette \S+ is empty")
HANDSHAKE: Mapping[str, Any] = {}
STATELESS: Mapping[str, Any] = {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}
NOTHING: Mapping[str, object] = {}
JUNK: Sequence[object] = (
    *(None, True, -1, 0, 2**70, 1.5, 1e308, "", "x", "\ud800", "\x00", "state-1", list[object](), NOTHING),
    *([list[object]()], {"": NOTHING}, {"id": 1}, {"method": "tools/call"}, "2026-07-28", ["a", {"b": None}]),
)
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Failure:
    """A tape that was neither played right nor refused."""

    seed: int
    what: str


def mutated(tapes: Sequence[bytes], seed: int) -> bytes:
    """A tape with one to four things changed."""
    chance = random.Random(seed)  # noqa: S311 - damage, not secrets
    whole = chance.choice(tapes)
    for _ in range(chance.randint(1, 4)):
        change = chance.choice((_bytes, _lines, _value, _value, _value, _splice, _cut, _nest))
        whole = change(whole, chance, tapes)
    return whole


def _bytes(whole: bytes, chance: random.Random, tapes: Sequence[bytes]) -> bytes:
    place = chance.randrange(len(whole) + 1)
    return whole[:place] + chance.randbytes(chance.randint(0, 4)) + whole[place + chance.randint(0, 9) :]


def _lines(whole: bytes, chance: random.Random, tapes: Sequence[bytes]) -> bytes:
    lines = whole.splitlines(keepends=True) or [b"\n"]
    taken = lines.pop(chance.randrange(len(lines)))
    for _ in range(chance.randint(0, 2)):
        lines.insert(chance.randint(0, len(lines)), taken)
    return b"".join(lines)


def _value(whole: bytes, chance: random.Random, tapes: Sequence[bytes]) -> bytes:
    """Something else in place of one value, or one member less."""
    lines = whole.splitlines(keepends=True) or [b"\n"]
    place = chance.randrange(len(lines))
    try:
        frame: object = json.loads(lines[place])
    except (ValueError, RecursionError):
        return whole
    places = list(_places(frame))
    if places:
        container, key = chance.choice(places)
        if chance.random() < 0.2:
            del container[key]
        else:
            container[key] = chance.choice(JUNK)
    lines[place] = json.dumps(frame).encode() + b"\n"
    return b"".join(lines)


def _places(value: object) -> Iterator[tuple[Any, Any]]:
    """Every object or list in a document with each of its keys."""
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        for name, inner in members.items():
            yield members, name
            yield from _places(inner)
    elif isinstance(value, list):
        items = cast("list[object]", value)
        for index, inner in enumerate(items):
            yield items, index
            yield from _places(inner)


def _splice(whole: bytes, chance: random.Random, tapes: Sequence[bytes]) -> bytes:
    """Lines of another tape among its own."""
    lines, others = whole.splitlines(keepends=True), chance.choice(tapes).splitlines(keepends=True)
    begin = chance.randrange(len(others))
    place = chance.randint(0, len(lines))
    return b"".join([*lines[:place], *others[begin : begin + chance.randint(1, 6)], *lines[place:]])


def _cut(whole: bytes, chance: random.Random, tapes: Sequence[bytes]) -> bytes:
    return whole[: chance.randint(0, len(whole))]


def _nest(whole: bytes, chance: random.Random, tapes: Sequence[bytes]) -> bytes:
    deep = chance.choice((150, 250, 100_000))
    return whole.replace(b'"params":{', b'"params":{"deep":' + b"[" * deep + b"]" * deep + b",", 1)


def played(path: Path) -> None:
    """Read a tape and ask it for all it has, in both eras.

    Raises:
        CassetteError: The tape cannot be read.
        AssertionError: It answered what is not on its lines.
    """
    tape = Tape.load(path)
    for session in tape.cassette.sessions:
        for operation in operations(session):
            _ = operation.steps, operation.outcome, operation.aftermath, operation.name
    wanted = tape.of_method("tools/call", "resources/read", "prompts/get", "tools/list")
    by_key: dict[str, list[Operation]] = {}
    for each in wanted:
        by_key.setdefault(request_key(each.method, each.params), []).append(each)
    for more in (HANDSHAKE, STATELESS):
        player = Player(tape, "fuzzed")
        speaker = Speaker(player)
        for number, method in enumerate(("server/discover", "initialize")):
            _ask(speaker, number, method, more)
        for number, each in enumerate(wanted, 10):
            alike = by_key[request_key(each.method, each.params)]
            recorded = [one.outcome.body for one in alike if isinstance(one.outcome, Result)]
            for message in _ask(speaker, number, each.method, {**each.params, **more}):
                result = message.get("result")
                if message.get("id") == number and isinstance(result, dict):
                    _check(each.method, cast("Json", result), recorded)
        assert not player.misses, f"recorded and not found: {player.misses[0]}"


def _check(method: str, result: Json, recorded: Sequence[Json]) -> None:
    if result.get("resultType") == "input_required":
        return  # made by the player, whose questions are the recorded ones
    said = in_no_era(method, result)
    assert any(_text(in_no_era(method, body)) == _text(said) for body in recorded), f"never recorded: {said}"


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _ask(speaker: Speaker, number: int, method: str, params: Json) -> list[Json]:
    outs = speaker.receive({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
    said = [out.message for out in outs if out.message is not None]
    json.dumps(said)  # it can be sent
    return said


def tried(tapes: Sequence[bytes], seeds: range) -> tuple[Counter[str], list[Failure]]:
    """What became of some tapes, counted, and those that failed."""
    counts: Counter[str] = Counter()
    failures: list[Failure] = []
    signal.signal(signal.SIGALRM, _too_long)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "fuzzed.jsonl")
        with_a_line = re.compile(rf"^{re.escape(str(path))}:\d+ ")
        for seed in seeds:
            path.write_bytes(mutated(tapes, seed))
            signal.alarm(LONGEST)
            try:
                played(path)
                counts["played"] += 1
            except CassetteError as error:
                if with_a_line.match(str(error)) or WITHOUT_A_LINE.match(str(error)):
                    counts["refused"] += 1
                else:
                    failures.append(Failure(seed, f"no file and line: {error}"))
            except Exception as error:
                failures.append(Failure(seed, f"{type(error).__name__}: {error}"[:300]))
            finally:
                signal.alarm(0)
    return counts, failures


def _too_long(number: int, frame: object) -> None:
    raise TimeoutError(f"took longer than {LONGEST} s")


def originals() -> list[bytes]:
    """The tapes of real servers, and those of the examples."""
    paths = [*(ROOT / "fixtures" / "tapes").glob("*.jsonl"), *(ROOT / "examples").rglob("*.jsonl")]
    return [path.read_bytes() for path in sorted(paths)]


def fuzz(runs: int, seed: int, processes: int) -> tuple[Counter[str], list[Failure]]:
    tapes, counts = originals(), Counter[str]()
    failures: list[Failure] = []
    chunks = [range(begin, min(begin + EACH, seed + runs)) for begin in range(seed, seed + runs, EACH)]
    with ProcessPoolExecutor(processes) as pool:
        for some, failed in pool.map(partial(tried, tapes), chunks):
            counts += some
            failures += failed
    return counts, failures


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    counts, failures = fuzz(options.runs, options.seed, options.processes)
    became = f"{counts['played']:,} played, {counts['refused']:,} refused, {len(failures):,} failed"
    print(f"{options.runs:,} mutated tapes: {became}")
    for failure in failures[:20]:
        print(f"--seed {failure.seed} --runs 1: {failure.what}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
