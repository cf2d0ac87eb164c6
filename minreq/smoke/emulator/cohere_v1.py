"""Cohere's first chat API, which older clients call; streams are lines of JSON.

Source: https://docs.cohere.com/v1/reference/chat
"""

from __future__ import annotations

from typing import Any

from minreq.smoke.emulator import content
from minreq.smoke.emulator.message import Document, Response, encode_json, json_response, stream_response
from minreq.smoke.emulator.reply import ModelReply

_ID = "00000000-0000-4000-8000-000000000005"


def chat(body: Document) -> Response:
    """Return the answer of a chat model; raise `KeyError` or `TypeError` for a malformed request."""
    reply = _reply(body)
    whole: dict[str, Any] = {
        "response_id": _ID,
        "generation_id": _ID,
        "text": reply.text,
        "finish_reason": "COMPLETE",
        "meta": {"billed_units": _units(reply), "tokens": _units(reply)},
    }
    calls = [{"name": reply.tool, "parameters": reply.arguments}] if reply.tool else []
    if calls:
        whole["tool_calls"] = calls
    if not body.get("stream"):
        return json_response(whole)
    events: list[Document] = [{"event_type": "stream-start", "generation_id": _ID, "is_finished": False}]
    events += [{"event_type": "text-generation", "text": each, "is_finished": False} for each in _pieces(reply)]
    if calls:
        events.append({"event_type": "tool-calls-generation", "tool_calls": calls, "is_finished": False})
    end = {"event_type": "stream-end", "finish_reason": "COMPLETE", "is_finished": True, "response": whole}
    return stream_response("application/stream+json", [encode_json(each) + b"\n" for each in (*events, end)])


def _pieces(reply: ModelReply) -> list[str]:
    return [] if reply.tool else content.split_at_blanks(reply.text)


def _units(reply: ModelReply) -> Document:
    return {"input_tokens": reply.prompt_tokens, "output_tokens": reply.completion_tokens}


def _reply(body: Document) -> ModelReply:
    prompt = content.count_tokens(body.get("message") or "?")
    results, tools = body.get("tool_results") or [], body.get("tools") or []
    if results:
        text = " ".join(str(output) for result in results for output in result["outputs"])
        return ModelReply(text=content.reply_text(text), prompt_tokens=prompt)
    if tools:
        properties = {
            name: {"type": each["type"]} for name, each in (tools[0].get("parameter_definitions") or {}).items()
        }
        schema = {"type": "object", "properties": properties}
        return ModelReply(tool=tools[0]["name"], schema=schema, prompt_tokens=prompt)
    return ModelReply(text=content.reply_text(body["message"]), prompt_tokens=prompt)
