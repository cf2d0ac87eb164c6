"""The emulator with the clients of the real services: what they accept is the real format."""

from __future__ import annotations

import importlib
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from minreq.smoke.emulator.sigv4 import LONG_TERM
from minreq.smoke.emulatorprocess import Emulator, Endpoints

pytestmark = [
    pytest.mark.network,  # The clients are installed for that group only; nothing leaves this machine.
    pytest.mark.filterwarnings("default::DeprecationWarning"),  # Theirs, not minreq's.
]

MESSAGES: list[Any] = [{"role": "user", "content": "Where?"}]
ANSWER = "Grüße, you said 'Where?'."
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
CLAUDE = "us.anthropic.claude-3-5-sonnet-20240620-v1:0"
ASKED = [{"role": "user", "content": [{"text": "Where?"}]}]
ROLE = {"RoleArn": "arn:aws:iam::123456789012:role/someone", "RoleSessionName": "session"}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def endpoints(emulator: Emulator, request: pytest.FixtureRequest) -> Iterator[Endpoints]:
    yield emulator.open(request.node.name)
    emulator.close(request.node.name)


@pytest.fixture
def bundle(emulator: Emulator, tmp_path: Path) -> str:
    """A file with the certificate of the authority."""
    file = tmp_path / "authority.pem"
    file.write_text(emulator.authority, encoding="utf-8")
    return str(file)


@pytest.fixture(params=["http", "https"])
def address(request: pytest.FixtureRequest, endpoints: Endpoints) -> str:
    return endpoints.http if request.param == "http" else endpoints.https


class TestOpenai:
    @pytest.fixture(params=["OpenAI", "Azure with key", "Azure with token"])
    def client(self, request: pytest.FixtureRequest, address: str, bundle: str) -> Iterator[Any]:
        openai = importlib.import_module("openai")
        http = httpx.Client(verify=ssl.create_default_context(cafile=bundle))
        azure = {"api_version": "2024-10-21", "azure_endpoint": address, "http_client": http}
        if request.param == "OpenAI":
            yield openai.OpenAI(api_key="key", base_url=f"{address}/v1", http_client=http)
        elif request.param == "Azure with key":
            yield openai.AzureOpenAI(api_key="key", **azure)
        else:
            yield openai.AzureOpenAI(azure_ad_token="token", **azure)  # noqa: S106 - no secret
        http.close()

    def test_chat(self, client: Any) -> None:
        said = client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
        assert said.choices[0].message.content == ANSWER

    def test_stream(self, client: Any) -> None:
        chunks = list(client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, stream=True))
        assert "".join(each.choices[0].delta.content or "" for each in chunks if each.choices) == ANSWER

    def test_stream_put_together_by_the_client(self, client: Any) -> None:
        with client.chat.completions.stream(model="gpt-4o-mini", messages=MESSAGES, tools=TOOLS) as stream:
            said = stream.get_final_completion().choices[0]
        assert said.finish_reason == "tool_calls"
        assert json.loads(said.message.tool_calls[0].function.arguments) == {"city": "Zürich"}

    def test_embeddings(self, client: Any) -> None:
        plain = client.embeddings.create(model="embedding", input=["a", "b"], encoding_format="float")
        packed = client.embeddings.create(model="embedding", input=["a", "b"])
        assert [each.embedding for each in plain.data] == [each.embedding for each in packed.data]

    def test_retry_after_a_limit(self, client: Any) -> None:
        said = client.chat.completions.create(model="limited-once-429", messages=MESSAGES)
        assert said.choices[0].message.content == ANSWER

    @pytest.mark.parametrize(("model", "error"), [("refused-401", "Authentication"), ("limited-429", "RateLimit")])
    def test_errors(self, client: Any, model: str, error: str) -> None:
        kind = getattr(importlib.import_module("openai"), f"{error}Error")
        with pytest.raises(kind):
            client.with_options(max_retries=0).chat.completions.create(model=model, messages=MESSAGES)


class TestBoto3:
    @pytest.fixture(autouse=True)
    def nobody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Remove the AWS settings of the user who runs the tests."""
        monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")

    @staticmethod
    def client(service: str, address: str, bundle: str, **credentials: str) -> Any:
        keys = {"aws_access_key_id": LONG_TERM.key, "aws_secret_access_key": LONG_TERM.secret}
        config = importlib.import_module("botocore.config").Config(retries={"total_max_attempts": 1})
        return importlib.import_module("boto3").client(
            service,
            endpoint_url=address,
            verify=bundle,
            region_name="eu-central-1",
            config=config,
            **(credentials or keys),
        )

    @pytest.fixture
    def bedrock(self, address: str, bundle: str) -> Any:
        return self.client("bedrock-runtime", address, bundle)

    @staticmethod
    def session(said: Any) -> dict[str, str]:
        issued = said["Credentials"]
        return {
            "aws_access_key_id": issued["AccessKeyId"],
            "aws_secret_access_key": issued["SecretAccessKey"],
            "aws_session_token": issued["SessionToken"],
        }

    def test_converse(self, bedrock: Any) -> None:
        said = bedrock.converse(modelId=CLAUDE, messages=ASKED)
        assert said["output"]["message"]["content"] == [{"text": ANSWER}]

    def test_converse_stream(self, bedrock: Any) -> None:
        said = list(bedrock.converse_stream(modelId=CLAUDE, messages=ASKED)["stream"])
        text = [each["contentBlockDelta"]["delta"]["text"] for each in said if "contentBlockDelta" in each]
        assert "".join(text) == ANSWER
        assert said[-1]["metadata"]["usage"]["totalTokens"] == 11

    def test_converse_stream_of_a_tool_call(self, bedrock: Any) -> None:
        tools = {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": SCHEMA}}}]}
        said = list(bedrock.converse_stream(modelId=CLAUDE, messages=ASKED, toolConfig=tools)["stream"])
        deltas = [each["contentBlockDelta"]["delta"] for each in said if "contentBlockDelta" in each]
        assert json.loads("".join(each["toolUse"]["input"] for each in deltas)) == {"city": "Zürich"}

    def test_invoke(self, bedrock: Any) -> None:
        body = json.dumps({"prompt": "Where?"})
        said = json.loads(bedrock.invoke_model(modelId="meta.llama3-8b-instruct-v1:0", body=body)["body"].read())
        assert said["generation"] == ANSWER

    def test_invoke_stream(self, bedrock: Any) -> None:
        body = json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": MESSAGES})
        stream = bedrock.invoke_model_with_response_stream(modelId=CLAUDE, body=body)["body"]
        said = [json.loads(each["chunk"]["bytes"]) for each in stream]
        assert (said[0]["type"], said[-1]["type"]) == ("message_start", "message_stop")

    def test_bearer_token(self, endpoints: Endpoints, bundle: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """boto3 sends it over TLS only."""
        monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "token")
        said = self.client("bedrock-runtime", endpoints.https, bundle).converse(modelId=CLAUDE, messages=ASKED)
        assert said["stopReason"] == "end_turn"

    def test_roles(self, address: str, bundle: str) -> None:
        sts = self.client("sts", address, bundle)
        assert sts.get_caller_identity()["Arn"].endswith(":user/emulator")
        for said in (sts.assume_role(**ROLE), sts.assume_role_with_web_identity(**ROLE, WebIdentityToken="a.b.c")):
            session = self.session(said)
            identity = self.client("sts", address, bundle, **session).get_caller_identity()
            assert identity["Arn"].endswith(":assumed-role/someone/session")
            bedrock = self.client("bedrock-runtime", address, bundle, **session)
            assert bedrock.converse(modelId=CLAUDE, messages=ASKED)["stopReason"] == "end_turn"

    @pytest.mark.parametrize(
        ("changed", "code"),
        [
            ({"aws_secret_access_key": "other"}, "InvalidSignatureException"),
            ({"aws_session_token": "other"}, "UnrecognizedClientException"),
        ],
    )
    def test_forged_credentials(self, address: str, bundle: str, changed: dict[str, str], code: str) -> None:
        session = self.session(self.client("sts", address, bundle).assume_role(**ROLE)) | changed
        bedrock = self.client("bedrock-runtime", address, bundle, **session)
        with pytest.raises(importlib.import_module("botocore.exceptions").ClientError, match=code):
            bedrock.converse(modelId=CLAUDE, messages=ASKED)

    def test_limit_is_the_exception_of_the_service(self, bedrock: Any) -> None:
        with pytest.raises(bedrock.exceptions.ThrottlingException, match="Too many requests"):
            bedrock.converse(modelId="limited-429", messages=ASKED)

    def test_error_of_sts(self, address: str, bundle: str) -> None:
        sts = self.client("sts", address, bundle)
        with pytest.raises(sts.exceptions.InvalidIdentityTokenException):
            sts.assume_role_with_web_identity(**ROLE, WebIdentityToken="none")
