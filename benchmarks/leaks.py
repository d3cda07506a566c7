"""Secrets of many kinds, hidden in many places of a session: how many of them a recording lets through.

Every recorder stands between the same client and the same server, as it is by default, and what is said is written
down beforehand. Over HTTP there are just requests and answers.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from echo_server import RESULTS
from long_tapes import written
from measure import Measurement
from recorders import Recorder, none_of
from sessions import INITIALIZE, INITIALIZED, StdioSession, Unable

from pytest_mcpflow.cassette.reading import read_cassette

ROOT = Path(__file__).resolve().parents[1]
SEED = 7
Json = Mapping[str, Any]
Said = tuple[str, Json]
"""Who says it, client or server, and what."""

Turn = tuple[Json, list[Json]]
"""What a client says, and what the server then does."""

CHANGED: Json = {"jsonrpc": "2.0", "method": "notifications/roots/list_changed"}
"""After which a server says something by itself."""

PLACEHOLDER = re.compile(r"REDACTED|<[A-Z][A-Z_-]+>(_[0-9a-f]{12})?")
"""What any of them writes in place of what it has taken out."""


def rows(home: Path, recorders: Sequence[Recorder]) -> Iterator[Measurement]:
    sys.path.append(str(ROOT / "tests"))
    from planted_secrets import KINDS, PLACES

    what = (
        f"{len(KINDS) * len(PLACES)} secrets, of {len(KINDS)} kinds in {len(PLACES)} places, left on the tape"
    )
    yield none_of(what, recorders, partial(_left, home))
    what = f"calls with a secret of {len(KINDS)} kinds, not answered from the tape"
    yield none_of(what, recorders, partial(_unanswered, home))
    what = f"taken out of {len(real_sessions())} real sessions without a secret"
    yield none_of(what, recorders, partial(_taken_out, home))


def real_sessions() -> Mapping[str, Sequence[Said]]:
    """What was said in sessions with real servers."""
    return {
        path.stem: [
            (message.sender, message.body)
            for session in read_cassette(path).sessions
            for message in session.messages
        ]
        for path in sorted((ROOT / "fixtures" / "tapes").glob("*.jsonl"))
    }


def played_to(recorder: Recorder, home: Path, name: str, said: Sequence[Said]) -> Path:
    """A tape of a handshake and just this."""
    handshake: Json = json.loads(INITIALIZE)
    opened: Json = {"jsonrpc": "2.0", "id": handshake["id"], "result": RESULTS["initialize"]}
    turns: list[Turn] = [(handshake, [opened]), (json.loads(INITIALIZED), [])]
    for sender, message in said:
        if sender == "client":
            turns.append((message, []))
        else:
            turns[-1][1].append(message)
    way = recorder.usual("record")
    if way == "HTTP":
        turns = [turn for turn in map(_posted, turns) if turn is not None]
    script, tape = home / f"{name}.script", recorder.tape(home, name)
    if tape.exists():
        return tape
    script.write_text(json.dumps([answers for _, answers in turns]), encoding="utf-8")
    session = recorder.recording(way, tape, script=script)
    session.start()
    for asked, answers in turns[2:]:
        session.tell(json.dumps(asked).encode() + b"\n")
        heard = [session.hear() for _ in answers] if isinstance(session, StdioSession) else []
        if not all(heard):
            session.end()
            raise Unable("stops answering")
    session.end()
    return tape


def _posted(turn: Turn) -> Turn | None:
    """A request with its answer, or a notification: the rest of a session has other ways over HTTP."""
    asked, answers = turn
    kept = [each for each in answers if "method" not in each]
    if "method" not in asked or any("method" in each and "id" in each for each in answers):
        return None
    return (asked, kept) if len(kept) == ("id" in asked) else None


def _left(home: Path, recorder: Recorder) -> float:
    """Each kind in each place, every one another, looked for in the file, also where it is written in base64."""
    from planted_secrets import KINDS, PLACES, parts_of, secret

    said: list[Said] = []
    hidden: list[str] = []
    for number, (kind, place) in enumerate(itertools.product(KINDS, PLACES), 10):
        one = secret(kind, number)
        hidden.append(one)
        answers, hide = PLACES[place]
        message = hide(one)
        message |= {"id": number} if "id" in message else {}
        asked: Json = {"jsonrpc": "2.0", "id": number, "method": answers, "params": {}}
        match answers:
            case "elicitation/create":
                said += [("client", CHANGED), ("server", asked), ("client", message)]
            case str():
                said += [("client", asked), ("server", message)]
            case None if "id" in message:
                said += [("client", message), ("server", {"jsonrpc": "2.0", "id": number, "result": {}})]
            case None:
                said += [("client", CHANGED), ("server", message)]
    text = b"\n".join(written(played_to(recorder, home, "planted", said))).decode("latin-1")
    for run in re.findall(r"[A-Za-z0-9+/]{8,}={0,2}", text):
        with contextlib.suppress(ValueError):
            text += "\n" + base64.b64decode(run + "=" * (-len(run) % 4)).decode("latin-1")
    return sum(any(part in text for part in parts_of(one)) for one in hidden)


def _unanswered(home: Path, recorder: Recorder) -> float:
    """Calls with a secret in them, made again to a replay of their tape: each must find its own answer."""
    from planted_secrets import KINDS, secret

    recorder.must("replay", recorder.usual("replay"))
    said: list[Said] = []
    for number, kind in enumerate(KINDS, 10):
        content = [{"type": "text", "text": f"signed in as {kind}"}]
        said += [
            ("client", _signing_in(number, secret(kind, SEED))),
            ("server", {"jsonrpc": "2.0", "id": number, "result": {"content": content}}),
        ]
    session = recorder.replaying(recorder.usual("replay"), played_to(recorder, home, "called", said))
    session.start()
    wrong = 0
    for number, kind in enumerate(KINDS, 10):
        answer = session.ask(json.dumps(_signing_in(number, secret(kind, SEED))).encode() + b"\n")
        wrong += f'signed in as {kind}"'.encode() not in answer
    session.end()
    return wrong


def _signing_in(number: int, hidden: str) -> Json:
    params = {"name": "sign-in", "arguments": {"using": hidden}}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


def _taken_out(home: Path, recorder: Recorder) -> float:
    """How often there is something in place of what was said in a real session."""
    of_none = _placeholders(played_to(recorder, home, "nothing", ()))  # what its own notes have
    taken = 0
    for name, said in real_sessions().items():
        before = json.dumps([message for _, message in said], ensure_ascii=False)
        tape = played_to(recorder, home, name, said)
        taken += _placeholders(tape) - of_none - len(PLACEHOLDER.findall(before))
    return taken


def _placeholders(tape: Path) -> int:
    return len(PLACEHOLDER.findall(b"\n".join(written(tape)).decode(errors="replace")))
