"""OpenAI's API and Azure's form of it, without a socket."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest
from emulatorrequests import document, request, server_sent

from minreq.smoke.emulator import content, openai
from minreq.smoke.emulator.message import Response
from minreq.smoke.emulator.routing import answer

CHAT: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Where?"}]}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
AZURE = "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21"


def ask(target: str, body: object = None, **headers: str) -> Response | None:
    method = "GET" if body is None else "POST"
    return openai.answer(request(target, body, method=method, headers={"authorization": "Bearer key", **headers}))


def chat(**more: object) -> Response | None:
    return ask("/v1/chat/completions", {**CHAT, **more})


def test_text() -> None:
    said = document(chat())
    assert said["choices"][0]["message"]["content"] == "Grüße, you said 'Where?'."
    assert (said["usage"]["prompt_tokens"], said["usage"]["completion_tokens"]) == (2, 9)


def test_content_in_parts_is_read_as_one_text() -> None:
    parts = [{"type": "text", "text": "Where"}, {"type": "image_url"}, {"type": "text", "text": "?"}]
    said = document(chat(messages=[{"role": "user", "content": parts}]))
    assert said["choices"][0]["message"]["content"] == "Grüße, you said 'Where?'."


def test_stream_has_the_usage_on_request() -> None:
    chunks = server_sent(chat(stream=True))
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
    assert text == "Grüße, you said 'Where?'."
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    chunks = server_sent(chat(stream=True, stream_options={"include_usage": True}))
    assert (chunks[-1]["choices"], chunks[-1]["usage"]["total_tokens"]) == ([], 11)


def test_tool_is_called_until_its_result_is_there() -> None:
    choice = document(chat(tools=TOOLS))["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"]) == {"city": "Zürich"}
    messages = [*CHAT["messages"], choice["message"], {"role": "tool", "tool_call_id": "c", "content": "17 degrees"}]
    assert "17 degrees" in document(chat(tools=TOOLS, messages=messages))["choices"][0]["message"]["content"]


def test_tool_is_not_called_when_that_is_forbidden() -> None:
    assert document(chat(tools=TOOLS, tool_choice="none"))["choices"][0]["finish_reason"] == "stop"


def test_stream_of_a_tool_call() -> None:
    chunks = server_sent(chat(tools=TOOLS, stream=True))
    calls = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", ())]
    assert calls[0]["function"]["name"] == "weather"
    assert json.loads("".join(call["function"]["arguments"] for call in calls)) == {"city": "Zürich"}


def test_answer_follows_a_json_schema() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}
    assert json.loads(document(chat(response_format=form))["choices"][0]["message"]["content"]) == {"city": "Zürich"}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"enum": ["b", "a"]}, "b"),
        ({"const": 3}, 3),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 7),
        ({"type": ["number", "null"]}, 1.5),
        ({"type": "array", "items": {"type": "boolean"}}, [True]),
        ({"type": "array"}, ["Zürich"]),
        ({"type": "null"}, None),
        ({}, {}),
    ],
)
def test_value_fits_its_schema(schema: dict[str, Any], value: object) -> None:
    assert content.example_value(schema) == value


def test_text_completion_whole_and_streamed() -> None:
    said = document(ask("/v1/completions", {"model": "gpt", "prompt": ["Where?"]}))
    assert said["choices"][0]["text"] == "Grüße, you said 'Where?'."
    chunks = server_sent(ask("/v1/completions", {"model": "gpt", "prompt": "Where?", "stream": True}))
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == "Grüße, you said 'Where?'."


@pytest.mark.parametrize("given", ["text", ["one", "two"], [1, 2, 3], [[1, 2], [3]]])
def test_embeddings_of_texts_and_tokens(given: Any) -> None:
    data = document(ask("/v1/embeddings", {"model": "e", "input": given}))["data"]
    assert len(data) == (1 if given in ("text", [1, 2, 3]) else 2)


def test_base64_holds_the_same_numbers() -> None:
    body = {"model": "e", "input": "text", "dimensions": 40}
    numbers = document(ask("/v1/embeddings", body))["data"][0]["embedding"]
    packed = document(ask("/v1/embeddings", {**body, "encoding_format": "base64"}))["data"][0]["embedding"]
    assert list(struct.unpack("<40f", base64.b64decode(packed))) == numbers


def test_models() -> None:
    assert document(ask("/v1/models"))["object"] == "list"
    assert document(ask("/v1/models/gpt-4o"))["id"] == "gpt-4o"


class TestAzure:
    def test_stream_begins_with_the_filter_result_of_the_prompt(self) -> None:
        first, *rest = server_sent(ask(AZURE, {**CHAT, "stream": True}))
        assert (first["choices"], "prompt_filter_results" in first) == ([], True)
        assert rest[-1]["choices"][0]["content_filter_results"]["hate"]["filtered"] is False

    def test_answer_has_the_filter_result(self) -> None:
        said = document(ask(AZURE, {"messages": CHAT["messages"]}))
        assert (said["model"], "prompt_filter_results" in said) == ("gpt-4o-mini", True)

    def test_key_in_a_header_of_its_own(self) -> None:
        response = openai.answer(request(AZURE, CHAT, headers={"api-key": "key"}))
        assert response is not None
        assert response.status == 200

    def test_version_is_required(self) -> None:
        response = ask(AZURE.partition("?")[0], CHAT)
        assert response is not None
        assert response.status == 404

    def test_new_form_of_the_address_names_the_model_in_the_body(self) -> None:
        assert document(ask("/openai/v1/chat/completions", CHAT))["model"] == "gpt-4o-mini"


@pytest.mark.parametrize(
    ("target", "headers", "code"),
    [
        ("/v1/chat/completions", {"authorization": "Bearer sk-refused-401"}, "invalid_api_key"),
        ("/v1/chat/completions", {"authorization": "Basic key"}, None),
        ("/v1/chat/completions", {"authorization": ""}, None),
        (AZURE, {"authorization": ""}, "401"),
        (AZURE, {"authorization": "", "api-key": "refused-401"}, "401"),
    ],
)
def test_wrong_key_is_refused(target: str, headers: dict[str, str], code: str | None) -> None:
    response = ask(target, CHAT, **headers)
    assert response is not None
    assert (response.status, document(response)["error"]["code"]) == (401, code)


def test_refused_model_is_refused_like_a_key() -> None:
    response = chat(model="refused-401")
    assert response is not None
    assert response.status == 401


@pytest.mark.parametrize("target", ["/v1/chat/completions", AZURE.replace("gpt-4o-mini", "limited-429")])
def test_limited_model_has_a_time_to_retry(target: str) -> None:
    response = ask(target, {**CHAT, "model": "limited-429"})
    assert response is not None
    assert (response.status, dict(response.headers)["retry-after"]) == (429, "1")


@pytest.mark.parametrize(("count", "status"), [("0", 429), ("1", 200)])
def test_model_limited_once_answers_a_retry(count: str, status: int) -> None:
    headers = {"x-stainless-retry-count": count}
    response = ask("/v1/chat/completions", {**CHAT, "model": "limited-once-429"}, **headers)
    assert response is not None
    assert response.status == status


@pytest.mark.parametrize(
    ("target", "body", "status"),
    [
        ("/v1/chat/completions", b"{", 400),
        ("/v1/chat/completions", b"[]", 400),
        ("/v1/chat/completions", {}, 400),
        ("/v1/chat/completions", {"model": "gpt"}, 400),
        ("/v1/completions", {"model": "gpt"}, 400),
        ("/v1/embeddings", {"model": "e"}, 400),
        ("/v1/dances", {}, 404),
        ("/openai/v1/dances", {}, 404),
    ],
)
def test_bad_request_is_an_error_object(target: str, body: object, status: int) -> None:
    response = ask(target, body)
    assert response is not None
    assert (response.status, bool(document(response)["error"]["message"])) == (status, True)


@pytest.mark.parametrize("target", ["/", "/openai/assistants", "/model/x/converse"])
def test_other_requests_are_not_answered(target: str) -> None:
    assert ask(target, {}) is None


def test_each_protocol_is_asked_in_turn() -> None:
    assert answer(request("/v1/models", method="GET", headers={"authorization": "Bearer key"})).status == 200
    assert answer(request("/model/m/converse")).status == 403
    assert answer(request("/nowhere")).status == 404
