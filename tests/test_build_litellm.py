"""Builds of the real litellm: a layer that AWS's own runtime client loads, and what a level leaves out of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lambdaruntime import Invocation, install_client, run_function, serve_event

from minreq.smoke.emulatorprocess import Emulator

pytestmark = pytest.mark.network

#: A function that answers with what Bedrock does; the client is the one of Lambda's Python runtimes.
FUNCTION = """
import os
import litellm

def handler(event, context):
    answer = litellm.completion(
        model="bedrock/converse/us.amazon.nova-lite-v1:0",
        messages=[{"role": "user", "content": event["question"]}],
        aws_bedrock_runtime_endpoint=os.environ["ENDPOINT"],
    )
    return {"answer": answer.choices[0].message.content, "from": litellm.__file__}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A lock for Bedrock's chat, and where builds of it go."""

    folder: Path
    environment: dict[str, str]

    def minreq(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "minreq", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )

    def built(self, name: str, *arguments: str) -> dict[str, Any]:
        done = self.minreq("build", "-o", name, "--json", "-q", *arguments)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("litellm")
    cache = os.environ.get("MINREQ_CACHE_DIR", str(folder / "cache"))
    made = Made(folder=folder, environment={**os.environ, "MINREQ_CACHE_DIR": cache})
    done = made.minreq("lock", "litellm==1.78.7", "--providers", "bedrock,openai", "--features", "chat", "-q")
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="module")
def client(made: Made) -> Path:
    """AWS's runtime client, which the runtime has, in a folder of its own."""
    folder = made.folder / "runtime"
    install_client(folder)
    return folder


def invoke(made: Made, client: Path, layer: Path) -> Invocation:
    """Start the function as Lambda does, ask it one thing."""
    task = made.folder / "task"
    task.mkdir(exist_ok=True)
    task.joinpath("function.py").write_text(FUNCTION)
    with Emulator() as emulator, serve_event({"question": "Where is Zürich?"}) as runtime:
        environment = {
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "ENDPOINT": emulator.open("lambda").http,
            "HOME": str(made.folder),
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            # The task, what the layers bring, the runtime's own.
            "PYTHONPATH": f"{task}:{layer / 'python'}:{client}",
        }
        run_function(runtime, task, environment)
    return runtime


@pytest.mark.parametrize(
    "options", [("traced", "--yes-traced"), ("cold", "--prove-modules", "none")], ids=["traced", "cold"]
)
def test_a_layer_is_loaded_by_awslambdaric_and_its_function_calls_bedrock(
    made: Made, client: Path, options: tuple[str, ...], tmp_path: Path
) -> None:
    result = made.built("layer.zip", "--slim", *options)
    with zipfile.ZipFile(made.folder / "layer.zip") as archive:
        archive.extractall(tmp_path)
    runtime = invoke(made, client, tmp_path)
    assert runtime.error is None
    assert "Where is Zürich?" in runtime.answer["answer"]
    assert runtime.answer["from"].startswith(str(tmp_path))
    assert runtime.init is not None
    if options[0] == "traced":
        # A source and the compiled file made from it count as one: either is there because the smoke loads the other.
        assert result["bytes"] <= 1.15 * result["opened_bytes_with_sources"]


def test_traced_has_to_be_confirmed(made: Made) -> None:
    done = made.minreq("build", "-o", "refused.zip", "--slim", "traced", "-q")
    assert (done.returncode, "confirm with --yes-traced" in done.stderr) == (2, True)


#: Calls of providers that the lock was not made for, and what of them a level leaves out.
AZURE_AI = "litellm/llms/azure_ai/common_utils.py"
CALL_AZURE_AI = """
messages = [{"role": "user", "content": "?"}]
litellm.completion("azure_ai/mistral-large", messages, api_base="http://127.0.0.1:9", api_key="k")
"""
CALL_SAGEMAKER = """
keys = {"aws_access_key_id": "a", "aws_secret_access_key": "s", "aws_region_name": "eu-west-1"}
litellm.embedding("sagemaker/endpoint", ["?"], **keys)
"""
LEFT_OUT = (
    "litellm.llms.azure_ai.common_utils is not in this tree: `minreq build --slim {}` of {} left it out, since {}"
)
LOCK = "requirements-minimal.txt"


@pytest.mark.parametrize(
    ("level", "options", "calls"),
    [
        pytest.param(
            "unused",
            ["--drop", AZURE_AI],
            {
                CALL_AZURE_AI: LEFT_OUT.format("unused", LOCK, "a --drop pattern matches it"),
                CALL_SAGEMAKER: "UnknownServiceError: Unknown service: 'sagemaker-runtime'",
            },
            id="unused",
        ),
        pytest.param(
            "traced",
            ["--yes-traced"],
            {CALL_AZURE_AI: LEFT_OUT.format("traced", LOCK, "the smoke did not open it")},
            id="traced",
        ),
    ],
)
def test_what_another_provider_needs_says_who_left_it_out(
    made: Made, level: str, options: list[str], calls: Mapping[str, str]
) -> None:
    """What a level leaves out of a kept distribution is ours to tell; what a service is, botocore's."""
    result = made.built(level, "--slim", level, *options, "--bytecode", "none")
    if level == "traced":
        assert result["bytes"] <= 1.15 * result["opened_bytes"]
    for call, sentence in calls.items():
        done = subprocess.run(
            [sys.executable, "-S", "-c", f"import litellm\n{call}"],
            env={"PYTHONPATH": str(made.folder / level), "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert sentence in done.stderr


def test_layers_of_two_providers(made: Made) -> None:
    result = made.built("layers", "--layers", "--bytecode", "none", "--budget", "262144000")
    assert result["functions"]["bedrock"] == ["base", "bedrock"]
    layers = {each["name"]: each for each in result["layers"]}
    assert {"boto3", "botocore"} <= {*layers["bedrock"]["distributions"]}
    assert "litellm" in layers["base"]["distributions"]
    assert sum(each["bytes"] for each in layers.values()) >= result["bytes"]
