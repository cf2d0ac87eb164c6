"""What a scan finds in files of each language, and which texts it does not take for models."""

# ruff: noqa: E501 - A call and the finding in it are on one line.

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from samplelock import LOCK

from minreq.errors import ScanInterrupted
from minreq.guard import minreq_guard
from minreq.lockfile import evidence
from minreq.profiles import loader
from minreq.profiles.scanprofile import load_scan_profile
from minreq.scan import reader
from minreq.scan.patterns import make_file_filter
from minreq.scan.providers import find_usage
from minreq.scan.reader import scan_paths
from minreq.scan.services import find_services
from minreq.scan.usage import ScanRules, Usage
from minreq.system.workers import WorkerEnded
from minreq.verify import exportsmoke

#: The table of litellm for bare names.
MODELS: Mapping[str, str] = {
    "gpt-4o": "openai",
    "text-embedding-3-small": "openai",
    "claude-3-5-sonnet-20240620": "anthropic",
    "anthropic.claude-3-haiku-20240307-v1:0": "bedrock_converse",
    "ft:gpt-3.5-turbo": "openai",
    "watsonx/granite-3": "watsonx",
}


def rules() -> ScanRules:
    profile = loader.find_profile(canonicalize_name("litellm"))
    assert profile is not None
    found = load_scan_profile(profile)
    assert found is not None
    return found.rules


@dataclass(frozen=True, slots=True)
class Code:
    """A code base, and what a scan finds in it."""

    folder: Path

    def write(self, name: str, text: str | bytes) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).encode())

    def scan(self, jobs: int = 1) -> Usage:
        findings = scan_paths([self.folder], rules(), jobs=jobs, progress=lambda _done, _of: None)
        return find_usage(findings, rules(), lambda: MODELS)

    @property
    def seen(self) -> set[tuple[int, str, str]]:
        return {(each.place.line, each.provider, each.model) for each in self.scan().provider_uses}

    @property
    def unknown(self) -> dict[int, str]:
        return {each.place.line: each.reason for each in self.scan().unknown}

    @property
    def features(self) -> dict[str, set[int]]:
        uses = self.scan().feature_uses
        return {each.feature: {use.place.line for use in uses if use.feature == each.feature} for each in uses}


@pytest.fixture
def code(tmp_path: Path) -> Code:
    return Code(tmp_path)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        pytest.param('litellm.completion(model="azure/a")', ("azure", "azure/a"), id="keyword"),
        pytest.param('litellm.completion("gpt-4o")', ("openai", "gpt-4o"), id="positional-and-bare"),
        pytest.param('litellm.text_completion("hi", "azure/a")', ("azure", "azure/a"), id="second-argument"),
        pytest.param('litellm.completion(model="ft:gpt-3.5-turbo:me::1")', ("openai", "ft:gpt-3.5-turbo:me::1"), id="tuned"),
        pytest.param('litellm.completion(model="x", custom_llm_provider="bedrock")', ("bedrock", "x"), id="said-aside"),
        pytest.param('litellm.completion(model=f"azure/{name()}")', ("azure", "azure/..."), id="f-string"),
        pytest.param('litellm.completion(model="azure/" + name())', ("azure", "azure/..."), id="sum"),
        pytest.param('litellm.completion(model="azure/{}".format(1))', ("azure", "azure/..."), id="format"),
        pytest.param('litellm.completion(model="azure/%s" % 1)', ("azure", "azure/..."), id="percent"),
        pytest.param('M = "azure/"; N = "a"; litellm.completion(M + N)', ("azure", "azure/a"), id="sum-of-constants"),
        pytest.param('o = {"model": "azure/a"}; litellm.completion(**o)', ("azure", "azure/a"), id="options"),
        pytest.param('o = dict(model="azure/a"); litellm.completion(**o)', ("azure", "azure/a"), id="options-by-name"),
        pytest.param('f = litellm.completion; f("azure/a")', ("azure", "azure/a"), id="another-name"),
        pytest.param('import functools as f; g = f.partial(litellm.completion, "azure/a")', ("azure", "azure/a"), id="partial"),
        pytest.param('from litellm import *; completion("azure/a")', ("azure", "azure/a"), id="star"),
        pytest.param('from x import ChatLiteLLM; ChatLiteLLM(model="gpt-4o")', ("openai", "gpt-4o"), id="wrapper"),
        pytest.param('class C:\n M = "azure/a"\n def f(self): litellm.completion(self.M)', ("azure", "azure/a"), id="class"),
        pytest.param('class C:\n def __init__(self): self.m = "gpt-4o"\n def f(self): litellm.completion(self.m)', ("openai", "gpt-4o"), id="self"),
        pytest.param('def f(): return "gpt-4o"\nlitellm.completion(f())', ("openai", "gpt-4o"), id="function"),
        pytest.param('for m in ["gpt-4o"]: litellm.completion(m)', ("openai", "gpt-4o"), id="loop"),
        pytest.param('T = {"a": "gpt-4o"}\nlitellm.completion(T["a"])', ("openai", "gpt-4o"), id="table"),
        pytest.param('T = {"a": "gpt-4o"}\nlitellm.completion(T.get(x, "azure/a"))', ("azure", "azure/a"), id="default"),
    ],
)  # fmt: skip
def test_calls_in_python(text: str, seen: tuple[str, str], code: Code) -> None:
    code.write("a.py", f"import litellm\n{text}\n")
    assert seen in {each[1:] for each in code.seen}
    assert code.unknown == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("def f(model): litellm.completion(model=model)", "is the parameter model"),
        ("litellm.completion(os.environ['M'])", "comes from os.environ['M']"),
        ("litellm.completion(os.getenv('M', 'gpt-4o'))", "comes from os.getenv('M', 'gpt-4o')"),
        ("litellm.completion(ssm.get_parameter(Name='m')['Parameter'])", "comes from ssm.get_parameter(Name='m')['Parameter']"),
        ("litellm.completion(**options)", "comes from **options"),
        ("litellm.completion(*options)", "comes from *arguments"),
        ("litellm.completion(messages=[])", "is not given here"),
        ("run(litellm.completion)", "is not given here"),
        ("litellm.completion(f'{x}/y')", "comes from x"),
        ("litellm.completion('watsonx/granite-3')", "is of watsonx, which is none of the providers of the profile"),
        ("litellm.completion('my-own-1')", "is 'my-own-1', which litellm has in no list of models"),
        ("litellm.Router(model_list=load())", "comes from load()"),
    ],
)  # fmt: skip
def test_calls_with_an_unknown_model(text: str, why: str, code: Code) -> None:
    code.write("a.py", f"import litellm, os\n{text}\n")
    assert code.unknown == {2: why}


def test_constants_are_followed_through_modules(code: Code) -> None:
    code.write("app/settings.py", 'NAME = "prod"\nMODELS = {"fast": f"azure/{NAME}"}\nclass S:\n    model = "gpt-4o"\n')
    code.write("app/llm.py", "from litellm import completion\nfrom .settings import S\n")
    code.write("app/sub/more.py", 'OTHER = "azure/more"\n')
    code.write(
        "app/sub/main.py",
        """\
        from app import settings
        from ..llm import completion, S
        from . import more
        completion(settings.MODELS["fast"])
        completion(S.model)
        completion(more.OTHER)
        """,
    )
    assert {(4, "azure", "azure/prod"), (5, "openai", "gpt-4o"), (6, "azure", "azure/more")} <= code.seen
    assert code.unknown == {}


def test_the_aliases_of_a_router_are_no_models(code: Code) -> None:
    code.write(
        "a.py",
        """\
        from litellm import Router
        MODELS = [{"model_name": "gpt-4o", "litellm_params": {"model": "bedrock/a-1"}}]
        router = Router(model_list=MODELS, fallbacks=[{"gpt-4o": ["gpt-4o"]}])
        async def f(name):
            await router.acompletion(model="gpt-4o", stream=True)
            await router.acompletion(model=name)
        """,
    )
    assert code.seen == {(2, "bedrock", "bedrock/a-1")}
    assert code.unknown == {}
    assert code.features == {"router": {3, 5, 6}, "async": {6}, "async-streaming": {5}}


def test_features_in_python(code: Code) -> None:
    code.write(
        "a.py",
        """\
        import litellm
        litellm.completion("gpt-4o", stream=True, tools=[1])
        litellm.completion("gpt-4o", stream=flag, response_format=Answer)
        litellm.completion("gpt-4o", stream=False, tools=None)
        litellm.embedding(model="text-embedding-3-small")
        litellm.cache = litellm.Cache()
        litellm.completion("azure/a", azure_ad_token_provider=None)
        """,
    )
    assert code.features == {
        "streaming": {2, 3},
        "tools": {2},
        "chat": {3, 4, 7},
        "structured": {3},
        "embeddings": {5},
        "caching": {6},
    }


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("from openai import OpenAI\nclient = OpenAI(api_key='k')\n", {2}),
        ("import openai\nasync def f():\n    return openai.AsyncOpenAI()\n", {3}),
        ("import openai as o\no.AzureOpenAI(http_client=None), o.AsyncAzureOpenAI(**x)\n", {2}),
        ("from openai import OpenAI\nOpenAI(http_client=mine)\nOpenAI(**{'http_client': mine})\n", set()),
        ("from mine import OpenAI\nOpenAI()\n", set()),
        ("import openai\nopenai.OpenAI\nx = [openai.OpenAI]\n", set()),
    ],
)
def test_a_client_with_its_own_transport_is_a_feature(code: Code, text: str, lines: set[int]) -> None:
    code.write("a.py", text)
    assert code.features.get("client", set()) == lines


def test_attributes_of_the_root_and_variables_turn_features_on(code: Code) -> None:
    code.write("a.py", "import litellm as l\nl.http2 = True\nl.http2 = False\nl.enable_json_schema_validation = x\n")
    code.write("b.py", "import other, litellm\nother.http2 = True\nhttp2 = True\n")
    code.write("c.env", "LITELLM_HTTP2=False\nexport LITELLM_HTTP2='true'\nOTHER_HTTP2=true\n")
    found = {(Path(each.place.file).name, each.place.line, each.feature) for each in code.scan().feature_uses}
    assert found == {("a.py", 2, "http2"), ("a.py", 4, "structured"), ("c.env", 2, "http2")}


@pytest.mark.parametrize(
    ("model", "has_own"),
    [
        ("bedrock/deepseek.v3-v1:0", True),
        ("azure_ai/DeepSeek-V3", True),
        ("deepseek/deepseek-chat", True),
        ("deepseek/deepseek-reasoner", True),
        ("bedrock/meta.llama-2-70b", True),
        ("ollama/Llama-3.1", True),
        ("cohere/command-r-plus", True),
        ("deepseek/deepseek-coder", False),
        ("ollama/llama4", False),
        ("openai/gpt-4o", False),
    ],
)
def test_models_with_a_tokenizer_of_their_own(code: Code, model: str, has_own: bool) -> None:  # noqa: FBT001 - A case.
    code.write("a.py", f"import litellm\nlitellm.completion({model!r}, [])\n")
    code.write("b.yaml", f"a: 1\nb: 2\nmodel: {model}\n")
    assert code.features.get("tokenizers", set()) == ({2, 3} if has_own else set())
    names = {each.description for each in code.scan().feature_uses if each.feature == "tokenizers"}
    assert names == ({f"the model {model}"} if has_own else set())


@pytest.mark.parametrize(
    ("text", "services"),
    [
        ("import boto3\nboto3.client('s3')", {"s3"}),
        ("def f(session):\n    return session.resource('dynamodb')", {"dynamodb"}),
        ("N = 'sqs'\nclient = make().create_client(service_name=N)", {"sqs"}),
        ("from boto3 import client as make\nmake('sqs')", {"sqs"}),
        ("import litellm\nlitellm.cache = litellm.Cache(type='s3')", {"s3"}),
        ("import os, boto3\nboto3.client(os.environ['X'])\nboto3.client()", set()),
        ("x = 's3'\ntype('s3')", set()),
        ("not python", set()),
    ],
)
def test_aws_services(code: Code, text: str, services: set[str]) -> None:
    code.write("a.py", text)
    code.write("b.txt", "boto3.client('sns')")
    assert find_services([code.folder], rules().services) == services


def test_other_texts_in_python_are_no_models(code: Code) -> None:
    code.write(
        "a.py",
        '''\
        """bedrock/documentation"""
        # litellm.completion(model="bedrock/a")
        import litellm
        def f():
            """azure/documentation"""
        print("call bedrock/claude for this")
        AutoModel.from_pretrained("openai/clip-vit-base-patch32")
        path = open("azure/config.json"), "bedrock/a.py", "https://x/openai/y", "/openai/a"
        import_module("openai/x")
        os.getenv("azure/x")
        if name.startswith("azure/b"): pass
        model = "not a model"
        ''',
    )
    assert code.seen == set()
    assert code.unknown == {}


TSX = """\
// { model: "groq/a", messages }
/* "bedrock/a" */
import x from "openai/index";
const y = require("openai/shims");
const MODEL: string = "azure/a";
const TABLE = { fast: "bedrock/a" } as const;
interface Options { model: string; messages: string[] }
type Other = { model: string, messages: string[] };
async function ask({ model, messages }: Options): Promise<string> {
  return client.chat.completions.create({ model, messages, stream: true });
}
const a = () => client.chat.completions.create({ model: MODEL, messages, tools });
const b = (k: string) => client.chat.completions.create({ model: TABLE[k], messages: [] });
const c = () => post({ model: process.env.MODEL ?? "openai/c", messages });
const d = (n) => client.embeddings.create({ model: `azure/${n}-1`, input: [`x${n}`] });
const e = /"bedrock\\/regex"/;
export const V = () => <p>Don't ask "bedrock/prose" or bedrock/words {f("openai/e")} <C model="gpt-4o" /></p>;
const { model, messages } = body;
const g = ok ? "bedrock/g" : 'azure/g';
send({ model: ok ? MODEL : "gpt-4o", input: 1 });
"""


@pytest.mark.parametrize("suffix", ["tsx", "ts", "js", "jsx", "mjs", "cjs"])
def test_scripts(suffix: str, code: Code) -> None:
    code.write(f"a.{suffix}", TSX)
    assert code.seen == {
        (5, "azure", "azure/a"),
        (6, "bedrock", "bedrock/a"),
        (14, "openai", "openai/c"),
        (15, "azure", "azure/..."),
        (17, "openai", "openai/e"),
        (17, "openai", "gpt-4o"),
        (19, "bedrock", "bedrock/g"),
        (19, "azure", "azure/g"),
        (20, "openai", "gpt-4o"),
    }
    assert code.unknown == {10: "comes from model", 14: "comes from process.env.MODEL"}
    assert code.features == {"streaming": {10}, "chat": {12, 13}, "tools": {12}, "embeddings": {15}}


def test_the_configuration_of_a_proxy(code: Code) -> None:
    code.write(
        "config.yaml",
        """\
        # model: bedrock/comment
        model_list:
          - model_name: gpt-4o
            litellm_params: &shared
              model: azure/deployment
              api_key: os.environ/KEY
          - model_name: any
            litellm_params:
              model: os.environ/MODEL
          - model_name: bedrock/*
            litellm_params: {model: bedrock/*}
          - {model_name: same, litellm_params: *shared}
        router_settings:
          fallbacks: [{gpt-4o: [any]}]
        description: |
          Calls bedrock/claude in prose.
        default_model: gpt-4o
        image: ollama/ollama
        uses: azure/login@v1
        value: !Ref Model
        """,
    )
    assert code.seen == {(5, "azure", "azure/deployment"), (11, "bedrock", "bedrock/*")}
    assert code.unknown == {9: "comes from os.environ/MODEL"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("litellm_settings:\n  cache_params: {type: disk}\n  cache: True\n", 3),
        ("litellm_settings: {cache: true}\n", 1),
        ("litellm_settings:\n  cache: false\n", None),
        ('litellm_settings:\n  cache: "true"\n', None),
        ("litellm_settings:\n  cache: [true]\n  ? [cache]\n  : true\n", None),
        ("other_settings:\n  cache: true\ncache: true\n", None),
    ],
)
def test_a_setting_of_a_proxy_is_a_feature(code: Code, text: str, line: int | None) -> None:
    """Only the words for true of YAML 1.1 turn a setting on."""
    code.write("config.yaml", text)
    assert code.features == ({} if line is None else {"caching": {line}})
    assert [each.description for each in code.scan().feature_uses] == ["litellm_settings.cache"] * (line is not None)


def test_each_document_of_a_file_is_read(code: Code) -> None:
    """Nodes of one document may have the identities of nodes of an earlier one, which are freed."""
    code.write("many.yaml", "---\n".join(f"- model: azure/{number}\n- [{{}}]\n" for number in range(50)))
    assert {model for _, _, model in code.seen} == {f"azure/{number}" for number in range(50)}


def test_json_toml_and_variables(code: Code) -> None:
    code.write("a.json", '{\n\t"model": "gpt-4o",\n\t"files": ["openai/a"],\n\t"a": ["bedrock/a"]\n}')
    code.write("b.toml", '[a]\nmodel = \'azure/b\' # bedrock/b\nt = { model = "gpt-4o" }\nimage = "openai/b"\n')
    code.write(
        ".env", "#M=bedrock/x\nexport A_MODEL=\"azure/c\" # bedrock/y\nB='bedrock/d'\nC=${X}/y\nMODELS=gpt-4o,x\n"
    )
    assert {(each.place.file, each.place.line, each.model) for each in code.scan().provider_uses} == {
        (f"{code.folder.as_posix()}/{file}", line, model)
        for file, line, model in [
            ("a.json", 2, "gpt-4o"),
            ("a.json", 4, "bedrock/a"),
            ("b.toml", 2, "azure/b"),
            ("b.toml", 3, "gpt-4o"),
            (".env", 2, "azure/c"),
            (".env", 3, "bedrock/d"),
            (".env", 5, "gpt-4o"),
        ]
    }


def test_files_that_git_ignores_are_not_read(code: Code) -> None:
    for name in ("a.py", "out/b.py", "sub/kept.py", "sub/other.py", "node_modules/x/c.js", "env/d.py", "lib/e.min.js"):
        code.write(name, 'M = "azure/a"\n')
    code.write(".gitignore", "out/\n*.min.js\n")
    code.write("sub/.gitignore", "*.py\n!kept.py\n")
    code.write("env/pyvenv.cfg", "home = /usr/bin\n")
    assert [each.place.file.removeprefix(f"{code.folder}/") for each in code.scan().provider_uses] == [
        "a.py",
        "sub/kept.py",
    ]


def test_files_that_minreq_writes_are_not_read(code: Code) -> None:
    """Its guard and its canary lie in the code base, and call no model for the program."""
    for source in (
        Path(minreq_guard.__file__).read_text(),
        exportsmoke.HEAD,
        "#!/usr/bin/python\n# minreq: skip this file\n",
    ):
        code.write("written.py", source + 'M = "azure/a"\n')
        assert code.scan().provider_uses == ()
    (code.folder / "written.py").unlink()
    code.write("requirements-minimal.evidence.json", evidence.dump(replace(LOCK, stages=("openai/chat",))))
    assert code.scan().provider_uses == ()
    code.write("written.py", 'M = "azure/a"\n# minreq: skip this file\n')
    assert len(code.scan().provider_uses) == 1


def test_a_folder_inside_a_repository_keeps_its_rules(code: Code) -> None:
    code.write(".git/info/exclude", "c.py\n")
    code.write(".gitignore", "/src/b.py\nout/\n")
    for name in ("src/a.py", "src/b.py", "src/c.py", "out/d.py"):
        code.write(name, 'M = "azure/a"\n')
    assert [each.place.file[-4:] for each in Code(code.folder / "src").scan().provider_uses] == ["a.py"[-4:]]
    assert len(Code(code.folder / "out").scan().provider_uses) == 1, "who names an ignored folder means it"


def test_files_that_cannot_be_read_are_skipped_with_a_reason(code: Code) -> None:
    code.write("binary.py", b"litellm\0")
    code.write("latin.py", b'M = "azure/\xff"\n')
    code.write("cookie.py", '# coding: latin-1\nM = "azure/é", "bedrock/a"\n'.encode("latin-1"))
    code.write("wide.json", '{"model": "gpt-4o"}'.encode("utf-16"))
    code.write("huge.yaml", b"#" * (1 << 20) + b"\n")
    code.write("broken.py", "import litellm\nlitellm.completion(\n")
    code.write("deep.py", "litellm = " + "(" * 3000 + ")" * 3000)
    code.write("deep.json", '{"model": ' + "[" * 3000)
    code.write("deep.yaml", "model: " + "[" * 200_000 + "]" * 200_000)
    code.write("broken.yaml", "model: [a\n")
    (code.folder / "pipe.py").symlink_to("/dev/null")
    (code.folder / "lost.py").symlink_to("nowhere")
    (code.folder / "loop").symlink_to(".")
    found = code.scan()
    assert {each.place.file.rpartition("/")[2]: each.provider for each in found.provider_uses} == {
        "cookie.py": "bedrock",
        "wide.json": "openai",
    }
    words = {each.file.rpartition("/")[2]: each.reason for each in found.skipped}
    assert {name: why.split(":")[0] for name, why in words.items()} == {
        "binary.py": "is binary",
        "latin.py": "is not text in an encoding that can be read",
        "huge.yaml": "is larger than 1,048,576 bytes",
        "broken.py": "is not Python",
        "deep.py": "is not Python",
        "deep.json": "is nested too deeply",
        "deep.yaml": "is nested too deeply",
        "broken.yaml": "is not YAML",
        "pipe.py": "is no regular file",
        "lost.py": "cannot be read",
    }


def test_only_files_that_may_name_a_model_are_parsed() -> None:
    """A filter over the bytes keeps out nearly every file of a large code base."""
    file_filter = make_file_filter("litellm", ["openai"], ["completion", "acompletion", "encode", "decode"])
    matching = (
        b"import LiteLLM",
        b'"openai/gpt-4o"',
        b"from ai import completion\nawait acompletion(x)",
        b'model = "gpt-4o"',
    )
    assert all(file_filter.matches(content, python=True) for content in matching)
    others = (b"text.encode('utf-8').decode()", b"import openai", b"the_model = Model(arguments)", b"")
    assert not any(file_filter.matches(content, python=True) for content in others)


def test_several_processes_find_the_same_as_one(code: Code, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):
        code.write(f"{number}.py", f'import litellm\nlitellm.completion("azure/{number}")\n')
    alone = code.scan()
    monkeypatch.setattr(reader, "_FILES_PER_JOB", 3)
    progress: list[tuple[int, int]] = []
    findings = scan_paths([code.folder], rules(), jobs=2, progress=lambda done, of: progress.append((done, of)))
    assert find_usage(findings, rules(), lambda: MODELS) == alone
    assert (progress[0], progress[-1]) == ((0, 12), (12, 12))


def test_a_process_that_is_killed_is_an_error(code: Code, monkeypatch: pytest.MonkeyPatch) -> None:
    def call_in_processes(*_arguments: object) -> None:
        raise WorkerEnded

    for number in range(2):
        code.write(f"{number}.py", "")
    monkeypatch.setattr(reader, "_FILES_PER_JOB", 1)
    monkeypatch.setattr(reader, "call_in_processes", call_in_processes)
    with pytest.raises(ScanInterrupted, match="was killed"):
        code.scan(jobs=2)


def test_names_of_files_begin_with_the_given_path(code: Code, monkeypatch: pytest.MonkeyPatch) -> None:
    code.write("src/a.json", json.dumps({"model": "azure/a"}))
    monkeypatch.chdir(code.folder)
    for given in (Path(), Path("src"), Path("src/a.json")):
        findings = scan_paths([given], rules(), jobs=1, progress=lambda _done, _of: None)
        assert [str(each.place) for each in findings.model_names] == ["src/a.json:1"]
