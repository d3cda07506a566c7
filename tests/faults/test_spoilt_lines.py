"""Answers on a line, and what is spoilt of them."""

from __future__ import annotations

import json

import pytest
from mcp_types import ErrorData, JSONRPCError, JSONRPCResponse

from pytest_mcpflow.serve.tamper import spoilt

ERROR = ErrorData(code=1, message="no", data={"id": 5})


@pytest.mark.parametrize(("its_id", "spoilt_id"), [(7, 1007), ("7", "7-1000"), ("first", "first-1000")])
def test_an_answer_to_another_request_says_the_same(its_id: int | str, spoilt_id: int | str) -> None:
    result = {"id": 5, "content": [{"id": 6}]}
    answer = JSONRPCResponse(jsonrpc="2.0", id=its_id, result=result)
    refusal = JSONRPCError(jsonrpc="2.0", id=its_id, error=ERROR)

    assert json.loads(spoilt(answer, "wrong_id")) == {"jsonrpc": "2.0", "id": spoilt_id, "result": result}
    assert json.loads(spoilt(refusal, "wrong_id"))["id"] == spoilt_id


def test_an_answer_breaks_off_in_its_middle() -> None:
    line = spoilt(JSONRPCResponse(jsonrpc="2.0", id=1, result={}), "bad_json")

    with pytest.raises(json.JSONDecodeError):
        json.loads(line)


def test_an_order_that_means_nothing_on_a_line_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be spoilt by 'cut'"):
        spoilt(JSONRPCResponse(jsonrpc="2.0", id=1, result={}), "cut")
