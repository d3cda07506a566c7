"""Secrets of many kinds, hidden in many places of a session: how many of them a recording lets through."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from measure import Measurement

from pytest_mcpflow.cassette.player import Player, Tape
from pytest_mcpflow.cassette.reading import read_cassette
from pytest_mcpflow.cassette.redaction import Redactor
from pytest_mcpflow.cassette.redaction.placeholder import PLACEHOLDER
from pytest_mcpflow.cassette.speaker import Speaker
from pytest_mcpflow.cassette.writer import CassetteWriter
from pytest_mcpflow.errors import CassetteError

ROOT = Path(__file__).resolve().parents[1]
SEED = 7
Json = Mapping[str, Any]


def measure() -> Iterator[Measurement]:
    with tempfile.TemporaryDirectory() as folder:
        yield _leaks(Path(folder, "planted.jsonl"))
        yield _replays(Path(folder, "called.jsonl"))
    real = sorted((ROOT / "fixtures" / "tapes").glob("*.jsonl"))
    taken_out = sum(_taken_out(path) for path in real)
    what = f"taken out of the tapes of {len(real)} real sessions without a secret"
    yield Measurement(what, taken_out, "", "0", taken_out == 0)


def _leaks(tape: Path) -> Measurement:
    """Each kind in each place, written by a recorder and looked for in the bytes of the file."""
    sys.path.append(str(ROOT / "tests"))
    from planted_secrets import KINDS, PLACES, parts_of, secret

    planted = {(kind, place): secret(kind, SEED) for kind in KINDS for place in PLACES}
    with CassetteWriter(tape, redactor=Redactor(environment={})) as writer:
        session = writer.session(transport="stdio", command=["server"])
        for number, ((_, place), hidden) in enumerate(planted.items()):
            answers, hide = PLACES[place]
            message = hide(hidden)
            if "id" in message:
                message["id"] = number
            if answers is not None:
                session.message("client", {"jsonrpc": "2.0", "id": number, "method": answers, "params": {}})
            session.message("server" if "method" not in message or "id" not in message else "client", message)
    written = tape.read_text(encoding="utf-8")
    leaked = sum(any(part in written for part in parts_of(hidden)) for hidden in {*planted.values()})
    what = f"{len(planted)} secrets, of {len(KINDS)} kinds in {len(PLACES)} places: kinds left on the tape"
    return Measurement(what, leaked, "", "0", leaked == 0)


def _replays(tape: Path) -> Measurement:
    """Calls with a secret in them find their answers on the redacted tape, and no other call's."""
    from planted_secrets import KINDS, secret

    redactor = Redactor(environment={})
    with CassetteWriter(tape, redactor=redactor) as writer:
        session = writer.session(transport="stdio", command=["server"])
        for number, kind in enumerate(KINDS):
            session.message("client", _call(number, secret(kind, SEED)))
            content = [{"type": "text", "text": f"signed in as {kind}"}]
            session.message("server", {"jsonrpc": "2.0", "id": number, "result": {"content": content}})
        session.end(by="client")
    speaker, wrong = Speaker(Player(Tape.load(tape), "planted", redactor)), 0
    for number, kind in enumerate(KINDS):
        said = json.dumps([out.message for out in speaker.receive(_call(number, secret(kind, SEED)))])
        wrong += f'signed in as {kind}"' not in said
    what = f"calls with a secret of {len(KINDS)} kinds, not answered from the redacted tape"
    return Measurement(what, wrong, "", "0", wrong == 0)


def _call(number: int, hidden: str) -> Json:
    params = {"name": "sign-in", "arguments": {"using": hidden}}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


def _taken_out(path: Path) -> int:
    try:
        read_cassette(path)
    except CassetteError as error:
        sys.exit(str(error))
    return len(PLACEHOLDER.findall(path.read_text(encoding="utf-8")))


if __name__ == "__main__":
    for each in measure():
        print(each)
