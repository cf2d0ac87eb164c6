"""Bedrock, STS and their signatures, without a socket."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from emulatorrequests import document, events, frames, request, sign

from minreq.smoke.emulator import bedrock, sigv4, sts
from minreq.smoke.emulator.message import Request, Response

CLAUDE = "/model/us.anthropic.claude-3-5-sonnet-20240620-v1%3A0"
NOVA = "/model/us.amazon.nova-lite-v1%3A0"
ASKED = {"messages": [{"role": "user", "content": [{"text": "Where?"}]}]}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"toolConfig": {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": SCHEMA}}}]}}
RESULT = {"toolResult": {"toolUseId": "t", "content": [{"text": "17 degrees"}]}}
ANTHROPIC = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "Where?"}],
}
ANTHROPIC_TOOL = {"tools": [{"name": "weather", "input_schema": SCHEMA}]}
ROLE = "arn:aws:iam::123456789012:role/someone"


def ask(target: str, body: object) -> Response | None:
    return bedrock.answer(sign(request(target, body), "bedrock"))


def chunks(response: Response | None) -> list[Any]:
    """Return the documents in the chunks of InvokeModelWithResponseStream."""
    return [json.loads(base64.b64decode(payload["bytes"])) for kind, payload in events(response) if kind == "chunk"]


class TestSignature:
    # The first example of https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
    EXAMPLE = Request(
        method="GET",
        target="/test.txt",
        headers=(
            ("host", "examplebucket.s3.amazonaws.com"),
            ("range", "bytes=0-9"),
            ("x-amz-content-sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("x-amz-date", "20130524T000000Z"),
            (
                "authorization",
                (
                    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
                    "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
                    "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
                ),
            ),
        ),
        body=b"",
    )

    def changed(self, pattern: str, text: str) -> Request:
        headers = tuple((name, re.sub(pattern, text, value)) for name, value in self.EXAMPLE.headers)
        return replace(self.EXAMPLE, headers=headers)

    def test_example_of_the_documentation_is_right(self) -> None:
        assert sigv4.verify(self.EXAMPLE, "s3") == sigv4.LONG_TERM

    @pytest.mark.parametrize(
        ("pattern", "text", "code"),
        [
            pytest.param("^AWS4.*", "", "MissingAuthenticationTokenException", id="unsigned"),
            pytest.param("AWS4-HMAC-SHA256", "AWS3", "IncompleteSignatureException", id="other algorithm"),
            pytest.param("bytes=0-9", "bytes=0-8", "InvalidSignatureException", id="other header"),
            pytest.param("/20130524/", "/20130525/", "InvalidSignatureException", id="other date"),
            pytest.param("us-east-1", "us-east-2", "InvalidSignatureException", id="other region"),
            pytest.param("/s3/", "/ec2/", "InvalidSignatureException", id="other service"),
            pytest.param("host;range", "range", "InvalidSignatureException", id="host not signed"),
            pytest.param(";x-amz-date,", ",", "InvalidSignatureException", id="date not signed"),
            pytest.param("host;range", "range;host", "InvalidSignatureException", id="names not in order"),
            pytest.param("AKIAI", "AKIAJ", "UnrecognizedClientException", id="other key"),
        ],
    )
    def test_what_was_not_signed_so_is_refused(self, pattern: str, text: str, code: str) -> None:
        with pytest.raises(sigv4.SignatureError, match=code) as caught:
            sigv4.verify(self.changed(pattern, text), "s3")
        assert caught.value.code == code

    def test_body_is_signed(self) -> None:
        with pytest.raises(sigv4.SignatureError, match="does not match"):
            sigv4.verify(replace(self.EXAMPLE, body=b"other"), "s3")

    def test_query_is_signed(self) -> None:
        """Sorted, in whatever order the address has it."""
        plain = request("/path?b=2&a=%20")
        right = sign(replace(plain, target="/path?a=%20&b=2"), "sts")
        assert sigv4.verify(replace(right, target=plain.target), "sts") == sigv4.LONG_TERM
        with pytest.raises(sigv4.SignatureError, match="does not match"):
            sigv4.verify(replace(right, target="/path?a=%20&b=3"), "sts")

    def test_session_is_recognized_by_its_token(self) -> None:
        session = sigv4.session_credentials(ROLE)
        assert sigv4.verify(sign(request("/"), "sts", session), "sts") == session
        assert sigv4.role_of(session.token) == ROLE

    @pytest.mark.parametrize("token", ["", "not base64", "Zm9yZ2VkCm1hYw==", "gAA="])
    def test_forged_session_token_is_refused(self, token: str) -> None:
        forged = sigv4.Credentials(key=sigv4.session_credentials(ROLE).key, secret="any", token=token)  # noqa: S106 - forged
        with pytest.raises(sigv4.SignatureError, match="UnrecognizedClientException"):
            sigv4.verify(sign(request("/"), "sts", forged), "sts")


class TestSts:
    @staticmethod
    def ask(form: bytes, credentials: sigv4.Credentials | None = sigv4.LONG_TERM) -> tuple[int, dict[str, str]]:
        """Return the status, and the texts of the elements by name."""
        plain = request("/", form, headers={"content-type": "application/x-www-form-urlencoded; charset=utf-8"})
        response = sts.answer(sign(plain, "sts", credentials) if credentials else plain)
        assert response is not None
        tree = ET.fromstring(response.body)  # noqa: S314 - what the emulator wrote itself
        return response.status, {each.tag.partition("}")[2]: each.text or "" for each in tree.iter()}

    def test_identity_of_the_key_pair(self) -> None:
        status, said = self.ask(b"Action=GetCallerIdentity&Version=2011-06-15")
        assert (status, said["Arn"]) == (200, "arn:aws:iam::123456789012:user/emulator")

    def test_identity_of_a_session_is_its_role(self) -> None:
        _, said = self.ask(b"Action=GetCallerIdentity&Version=2011-06-15", sigv4.session_credentials(ROLE))
        assert said["Arn"] == "arn:aws:sts::123456789012:assumed-role/someone/session"

    def test_credentials_of_an_assumed_role_sign_requests(self) -> None:
        status, said = self.ask(f"Action=AssumeRole&RoleArn={ROLE}&RoleSessionName=me".encode())
        assert (status, said["AssumedRoleId"]) == (200, "AROAEMULATOR:me")
        key, secret, token = said["AccessKeyId"], said["SecretAccessKey"], said["SessionToken"]
        session = sigv4.Credentials(key=key, secret=secret, token=token)
        response = bedrock.answer(sign(request(f"{NOVA}/converse", ASKED), "bedrock", session))
        assert document(response)["stopReason"] == "end_turn"

    def test_web_identity_needs_a_token_and_no_signature(self) -> None:
        form = f"Action=AssumeRoleWithWebIdentity&RoleArn={ROLE}&RoleSessionName=me&WebIdentityToken="
        status, said = self.ask(f"{form}a.b.c".encode(), None)
        assert (status, said["SessionToken"]) == (200, sigv4.session_credentials(ROLE).token)
        status, said = self.ask(f"{form}abc".encode(), None)
        assert (status, said["Code"]) == (400, "InvalidIdentityToken")

    @pytest.mark.parametrize(
        ("form", "status", "code"),
        [
            (b"Action=DeleteEverything", 400, "InvalidAction"),
            (b"Action=AssumeRole&RoleArn=someone&RoleSessionName=me", 400, "ValidationError"),
            (b"Action=AssumeRole&RoleArn=arn:aws:iam::1:role/x", 400, "ValidationError"),
        ],
    )
    def test_what_cannot_be_done_is_an_error(self, form: bytes, status: int, code: str) -> None:
        assert (status, code) == (self.ask(form)[0], self.ask(form)[1]["Code"])

    def test_unsigned_request_is_refused(self) -> None:
        status, said = self.ask(b"Action=AssumeRole", None)
        assert (status, said["Code"]) == (403, "MissingAuthenticationToken")

    def test_other_requests_are_not_answered(self) -> None:
        assert sts.answer(request("/")) is None
        assert sts.answer(request("/path", headers={"content-type": "application/x-www-form-urlencoded"})) is None


class TestConverse:
    def test_text(self) -> None:
        said = document(ask(f"{NOVA}/converse", ASKED))
        assert said["output"]["message"] == {"role": "assistant", "content": [{"text": "Grüße, you said 'Where?'."}]}
        assert said["usage"] == {"inputTokens": 2, "outputTokens": 9, "totalTokens": 11}

    def test_tool_is_called_until_its_result_is_there(self) -> None:
        said = document(ask(f"{NOVA}/converse", {**ASKED, **TOOL}))
        assert said["stopReason"] == "tool_use"
        assert said["output"]["message"]["content"][0]["toolUse"]["input"] == {"city": "Zürich"}
        messages = [*ASKED["messages"], {"role": "user", "content": [RESULT]}]
        said = document(ask(f"{NOVA}/converse", {**TOOL, "messages": messages}))
        assert said["output"]["message"]["content"] == [{"text": "Grüße, you said '17 degrees'."}]

    def test_stream_of_text(self) -> None:
        said = events(ask(f"{NOVA}/converse-stream", ASKED))
        assert [kind for kind, _ in said] == [
            "messageStart",
            *["contentBlockDelta"] * 4,
            "contentBlockStop",
            "messageStop",
            "metadata",
        ]
        text = "".join(each["delta"]["text"] for kind, each in said if kind == "contentBlockDelta")
        assert text == "Grüße, you said 'Where?'."

    def test_stream_of_a_tool_call(self) -> None:
        said = events(ask(f"{NOVA}/converse-stream", {**ASKED, **TOOL}))
        deltas = [each["delta"]["toolUse"]["input"] for kind, each in said if kind == "contentBlockDelta"]
        assert json.loads("".join(deltas)) == {"city": "Zürich"}

    def test_messages_of_the_stream_have_a_type(self) -> None:
        headers, _ = next(frames(ask(f"{NOVA}/converse-stream", ASKED)))
        assert headers == {
            ":event-type": "messageStart",
            ":content-type": "application/json",
            ":message-type": "event",
        }


class TestInvoke:
    def test_anthropic(self) -> None:
        said = document(ask(f"{CLAUDE}/invoke", ANTHROPIC))
        assert said["content"] == [{"type": "text", "text": "Grüße, you said 'Where?'."}]

    def test_anthropic_tool_is_called_until_its_result_is_there(self) -> None:
        said = document(ask(f"{CLAUDE}/invoke", {**ANTHROPIC, **ANTHROPIC_TOOL}))
        assert (said["stop_reason"], said["content"][0]["input"]) == ("tool_use", {"city": "Zürich"})
        result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "17 degrees"}]}
        said = document(ask(f"{CLAUDE}/invoke", {**ANTHROPIC, **ANTHROPIC_TOOL, "messages": [result]}))
        assert said["content"][0]["text"] == "Grüße, you said '17 degrees'."

    def test_anthropic_stream_of_text(self) -> None:
        said = chunks(ask(f"{CLAUDE}/invoke-with-response-stream", ANTHROPIC))
        assert "".join(each["delta"].get("text", "") for each in said if "delta" in each) == "Grüße, you said 'Where?'."
        assert said[-1]["amazon-bedrock-invocationMetrics"]["inputTokenCount"] == 2

    def test_anthropic_stream_of_a_tool_call(self) -> None:
        said = chunks(ask(f"{CLAUDE}/invoke-with-response-stream", {**ANTHROPIC, **ANTHROPIC_TOOL}))
        deltas = [each["delta"].get("partial_json", "") for each in said if "delta" in each]
        assert json.loads("".join(deltas)) == {"city": "Zürich"}

    def test_nova_is_converse_in_chunks(self) -> None:
        assert document(ask(f"{NOVA}/invoke", ASKED))["stopReason"] == "end_turn"
        said = chunks(ask(f"{NOVA}/invoke-with-response-stream", ASKED))
        assert said[0] == {"messageStart": {"role": "assistant"}}

    @pytest.mark.parametrize(
        "prompt",
        [
            "Where?",
            (
                "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nWhere?<|eot_id|>"
                "<|start_header_id|>assistant<|end_header_id|>\n\n"
            ),
        ],
    )
    def test_llama_finds_the_question_in_its_template(self, prompt: str) -> None:
        target = "/model/meta.llama3-8b-instruct-v1:0"
        assert document(ask(f"{target}/invoke", {"prompt": prompt}))["generation"] == "Grüße, you said 'Where?'."
        said = chunks(ask(f"{target}/invoke-with-response-stream", {"prompt": prompt}))
        assert "".join(each["generation"] for each in said) == "Grüße, you said 'Where?'."

    def test_titan_embeds_one_text(self) -> None:
        said = document(ask("/model/amazon.titan-embed-text-v2:0/invoke", {"inputText": "a b", "dimensions": 3}))
        assert said["inputTextTokenCount"] == 2
        assert said["embedding"] == said["embeddingsByType"]["float"]
        assert len(said["embedding"]) == 3

    def test_cohere_embeds_many(self) -> None:
        said = document(ask("/model/cohere.embed-english-v3/invoke", {"texts": ["a", "b"]}))
        assert len(said["embeddings"]) == 2
        typed = document(ask("/model/cohere.embed-v4:0/invoke", {"texts": ["a", "b"], "embedding_types": ["float"]}))
        assert typed["embeddings"] == {"float": said["embeddings"]}


class TestRefusals:
    @pytest.mark.parametrize(
        ("target", "body", "status", "kind"),
        [
            ("/model/anthropic.refused-401/converse", ASKED, 403, "UnrecognizedClientException"),
            ("/model/anthropic.limited-429/converse", ASKED, 429, "ThrottlingException"),
            ("/model/unheard-of/invoke", ASKED, 400, "ValidationException"),
            ("/model/amazon.titan-embed/invoke-with-response-stream", {}, 400, "ValidationException"),
            (f"{CLAUDE}/invoke", {**ANTHROPIC, "anthropic_version": "1"}, 400, "ValidationException"),
            (f"{CLAUDE}/converse", {}, 400, "ValidationException"),
            (f"{CLAUDE}/converse", b"{", 400, "ValidationException"),
            (f"{CLAUDE}/dance", {}, 404, "UnknownOperationException"),
        ],
    )
    def test_error_is_named_in_a_header(self, target: str, body: object, status: int, kind: str) -> None:
        response = ask(target, body)
        assert response is not None
        assert (response.status, dict(response.headers)["x-amzn-errortype"]) == (status, kind)
        assert document(response)["message"]

    def test_signature_is_required(self) -> None:
        response = bedrock.answer(request(f"{NOVA}/converse", ASKED))
        assert response is not None
        assert response.status == 403

    @pytest.mark.parametrize(("token", "status"), [("any", 200), ("refused-401", 403), ("", 403)])
    def test_bearer_token_stands_for_a_signature(self, token: str, status: int) -> None:
        response = bedrock.answer(
            request(f"{NOVA}/converse", ASKED, headers={"authorization": f"Bearer {token}"}),
        )
        assert response is not None
        assert response.status == status

    @pytest.mark.parametrize("target", ["/", "/v1/models", "/model", "/model/converse"])
    def test_other_requests_are_not_answered(self, target: str) -> None:
        assert bedrock.answer(request(target)) is None
