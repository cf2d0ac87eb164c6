"""`minreq init`: what the files of a project say, what it writes, and that it adds and never replaces."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from minreq.cli.commands import main
from minreq.config.artifacts import build_settings
from minreq.config.pyproject import find_configuration, read_build_values, read_values
from minreq.config.settings import lock_settings
from minreq.errors import ConfigurationUnreadable, OutputUnwritable
from minreq.init import ProjectPlan, write_plan
from minreq.init.changes import Change, Choices, advise, choose_platforms, choose_python, plan_changes
from minreq.init.deployment import Deployment, find_deployments
from minreq.init.importname import find_module
from minreq.init.poetry import translate
from minreq.init.project import Host, Project, read_project
from minreq.scan.usage import FeatureUse, Place, ProviderUse, Usage

SAM = """\
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Architectures: [arm64]
Resources:
  Page: {Type: AWS::Serverless::Function, Properties: {Runtime: nodejs22.x}}
  Summary:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      CodeUri: !Sub src
"""
SERVERLESS = "provider:\n  name: aws\n  runtime: python3.13\n  architecture: x86_64\n"
DOCKERFILE = (
    "FROM python:3.11 AS build\nRUN true\nFROM --platform=linux/arm64 public.ecr.aws/lambda/python:3.12\nCOPY . .\n"
)
CDK_CODE = "Runtime.PYTHON_3_9"
CDK_TWO = """\
one = Function(self, "one", code=Code.from_asset("src"),
    runtime=Runtime.PYTHON_3_12,
    architecture=Architecture.ARM_64)
two = Function(self, "two", architecture=Architecture.X86_64, code=Code.from_asset("src"),
    runtime=Runtime.PYTHON_3_12)
three = Function(self, "three",
    runtime=Runtime.PYTHON_3_12)
"""
CODE = """\
import litellm

def handler(event, context):
    litellm.rerank("openai/ranker", "?", [])
    return litellm.completion("openai/gpt-4o-mini", [], stream=True)
"""
HOOKS = """\
# Ours.
repos:
  - repo: https://git.example.com/hooks
    rev: v1
    hooks: [{id: spaces}] # all of them

default_stages: [pre-commit]
"""


def make(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def usage(*providers: str, uncovered: tuple[str, ...] = (), opt_in: tuple[str, ...] = ()) -> Usage:
    place = Place(file="app.py", line=3)
    return Usage(
        provider_uses=tuple(ProviderUse(place=place, provider=each, model="m", description="d") for each in providers),
        unknown=(),
        feature_uses=tuple(FeatureUse(place=place, feature=each, description=f"{each}()") for each in uncovered),
        skipped=(),
        files=1,
        opt_in_features=opt_in,
        uncovered_features=uncovered,
    )


def project(files: Mapping[str, str] | None = None, *deployments: Deployment, table_line: int | None = None) -> Project:
    return Project(
        files=dict(files or {}), table_line=table_line, declared=(), deployments=deployments, layers=(), host=None
    )


def choices(found: Usage, host: Host | None = None, root: str = "litellm") -> Choices:
    return Choices(root=Requirement(root), host=host, usage=found, python="3.12")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"template.yaml": SAM}, [("template.yaml:10", "sam", "3.12", "arm64")]),
        ({"serverless.yml": SERVERLESS}, [("serverless.yml:3", "serverless", "3.13", "x86_64")]),
        ({"Dockerfile": DOCKERFILE}, [("Dockerfile:3", "docker", "3.12", "arm64")]),
        (
            {"cdk.json": "{}", "stacks/app.ts": "a;\nruntime: Runtime.PYTHON_3_13,\n", "cdk.out/a.ts": CDK_CODE}
            | {"env/pyvenv.cfg": "", "env/a.py": CDK_CODE, "stacks/app.js": CDK_CODE, ".cache/a.py": CDK_CODE},
            [("stacks/app.ts:2", "cdk", "3.13", "")],
        ),
        (
            {"cdk.json": "{}", "app.py": CDK_TWO},
            [(f"app.py:{line}", "cdk", "3.12", each) for line, each in ((2, "arm64"), (5, "x86_64"), (7, ""))],
        ),
        ({"template.yaml": "Resources: [", "Dockerfile": "FROM scratch\n", "serverless.yml": "- 1\n"}, []),
        ({"template.yaml": "a: &a {b: *a}\n"}, []),
        ({"template.yaml": "[" * 100_000}, []),
        (
            {"template.yaml": "A: {Runtime: python3.12}\nB: {Runtime: python3.12, Architectures: [arm64]}\n"},
            [("template.yaml:1", "sam", "3.12", ""), ("template.yaml:2", "sam", "3.12", "arm64")],
        ),
        (
            {"serverless.yml": "provider: {runtime: python3.12}\nfunctions: {a: {architecture: arm64}}\n"},
            [("serverless.yml:1", "serverless", "3.12", ""), ("serverless.yml:2", "serverless", "3.12", "arm64")],
        ),
    ],
    ids=["sam", "serverless", "docker", "cdk", "cdk-two", "none", "circle", "deep", "one-of-two", "of-a-function"],
)  # fmt: skip
def test_how_a_project_is_shipped(tmp_path: Path, files: Mapping[str, str], expected: list[tuple[str, ...]]) -> None:
    found = find_deployments(make(tmp_path, files))
    assert [(str(each.place), each.tool, each.python, each.architecture) for each in found] == expected


def deployment(python: str, architecture: str = "", tool: Any = "sam") -> Deployment:
    return Deployment(place=Place(file="f", line=1), tool=tool, python=python, architecture=architecture)


def test_several_runtimes_are_not_one() -> None:
    x86_64, arm64 = "lambda-python3.12-x86_64", "lambda-python3.12-arm64"
    assert choose_platforms([deployment("3.12"), deployment("3.12", "x86_64")]) == (x86_64,)
    assert choose_platforms([deployment("3.12"), deployment("3.12", "arm64")]) == (arm64, x86_64)
    assert choose_platforms([deployment("3.12"), deployment("3.13")]) == ()
    assert choose_platforms([deployment("3.6")]) == ()
    assert choose_platforms([deployment("3.12", tool="docker")]) == ()
    assert choose_python([deployment("3.12", tool="docker"), deployment("3.12")]) == "3.12"
    assert choose_python([deployment("3.12"), deployment("3.13")]) is None


def test_what_the_files_require_and_hold(tmp_path: Path) -> None:
    make(
        tmp_path,
        {
            "pyproject.toml": '[project]\ndependencies = [\n "LiteLLM[proxy]>=1.100; python_version > \'3\'",\n "a"]\n',
            "requirements.txt": "-r other.txt\nlitellm==1.106.2 \\\n  --hash=sha256:00\nnot a requirement\n",
            "requirements-minimal.txt": "litellm==1.106.2\n",
            ".git/config": '[remote "origin"]\n\turl = https://gitlab.example.com/a.git\n',
            "layer/python/litellm-1.106.2.dist-info/METADATA": "x" * 10,
        },
    )
    with zipfile.ZipFile(tmp_path / "old.zip", "w") as archive:
        archive.writestr("python/a-1.dist-info/METADATA", "12345")
        archive.writestr("python/a.py", "")
    (tmp_path / "broken.zip").write_bytes(b"PK")
    found = read_project(tmp_path, "litellm")
    assert [(str(each.place), str(each.requirement.specifier)) for each in found.declared] == [
        ("pyproject.toml:3", ">=1.100"),
        ("requirements.txt:2", "==1.106.2"),
    ]
    assert [(each.path, each.distributions, each.bytes) for each in found.layers] == [
        ("layer/python", 1, 10),
        ("old.zip", 1, 5),
    ]
    assert (found.host, found.table_line) == ("gitlab", None)
    (tmp_path / ".github").mkdir()
    assert read_project(tmp_path, "litellm").host == "github"
    (tmp_path / "pyproject.toml").write_text("[")
    with pytest.raises(ConfigurationUnreadable, match=r"pyproject\.toml"):
        read_project(tmp_path, "litellm")


def left_to_a_person(found: Project, chosen: Choices) -> Iterator[str]:
    return advise(found, chosen, plan_changes(found, chosen))


def by_path(changes: tuple[Change, ...]) -> dict[str, str]:
    return {each.path: each.new for each in changes}


def test_the_table_is_added_at_the_end() -> None:
    before = "[project] # ours\r\nname = 'x'"
    found = project({"pyproject.toml": before}, deployment("3.13"))
    written = by_path(plan_changes(found, choices(usage("bedrock", "openai", opt_in=("router",)))))
    assert [*written] == ["pyproject.toml"]
    assert written["pyproject.toml"] == before + (  # With the line ends of the file.
        '\n\n[tool.minreq]\nroot = "litellm"\nproviders = ["bedrock", "openai"]\nfeatures = ["default", "router"]\n'
        'python = "3.13"\nplatform = ["lambda-python3.13-x86_64"]\nallow-unproven = true\n\n'
        '[tool.minreq.build]\noutput = "layer.zip"\nslim = "cold"\nbudget = "250MiB"\n'
    ).replace("\n", "\r\n")
    found = project({"pyproject.toml": "a = 1\n\n\n"})
    assert by_path(plan_changes(found, choices(usage("openai"))))["pyproject.toml"].startswith("a = 1\n\n\n[tool")


def test_code_that_no_smoke_covers_gets_a_script() -> None:
    files = by_path(plan_changes(project(), choices(usage("openai", uncovered=("moderation",)))))
    assert 'smoke = ["smoke.py"]' in files["pyproject.toml"]
    assert "import litellm" in files["smoke.py"]
    assert "# - app.py:3: moderation()" in files["smoke.py"]
    compile(files["smoke.py"], "smoke.py", "exec")
    # A script of the user stays.
    assert "smoke.py" not in by_path(plan_changes(project({"smoke.py": ""}), choices(usage())))
    assert "it is there already" in next(iter(left_to_a_person(project({"smoke.py": ""}), choices(usage()))))


@pytest.mark.parametrize(
    ("host", "there", "path"),
    [
        ("github", {}, ".github/workflows/minreq.yml"),
        ("gitlab", {}, ".gitlab-ci.yml"),
        ("gitlab", {".gitlab-ci.yml": "stages: [test]\n"}, ".gitlab/minreq.yml"),
    ],
)
def test_the_job_uses_the_python_of_the_function(host: Host, there: dict[str, str], path: str) -> None:
    found = project({**there, "pyproject.toml": "[tool.minreq]\n"}, deployment("3.13"), table_line=1)
    [change] = plan_changes(found, choices(usage(), host))
    assert (change.path, change.old) == (path, None)
    assert '"3.13"' in change.new
    assert '"3.12"' not in change.new
    assert yaml.safe_load(change.new)
    left = [*left_to_a_person(found, choices(usage(), host))]
    assert any("tools/minreq" in each for each in left)
    assert any("include" in each for each in left) is bool(there)
    again = Project(
        files={**found.files, path: change.new}, table_line=1, declared=(), deployments=(), layers=(), host=host
    )
    assert plan_changes(again, choices(usage(), host)) == ()


def test_a_hook_is_added_and_the_rest_stays() -> None:
    found = project({"pyproject.toml": "", ".pre-commit-config.yaml": HOOKS}, table_line=1)
    [change] = plan_changes(found, choices(usage()))
    assert [line for line in change.diff if line[0] == "-" and line[:3] != "---"] == []
    ours = yaml.safe_load(change.new)["repos"]
    assert [each["repo"] for each in ours] == ["https://git.example.com/hooks", "local"]
    assert ours[1]["hooks"][0]["entry"] == "minreq lock --check --quiet"
    assert plan_changes(project({".pre-commit-config.yaml": change.new}, table_line=1), choices(usage())) == ()


@pytest.mark.parametrize(
    "text", ["repos: [{repo: a}]\n", "repos: [", "a: 1\n", "- 1\n", "repos: &a {a: *a}\n", "a: 1\n---\nrepos:\n- a\n"]
)
def test_a_hook_that_cannot_be_added_is_left_to_the_user(text: str) -> None:
    found = project({".pre-commit-config.yaml": text}, table_line=1)
    assert plan_changes(found, choices(usage())) == ()
    assert any(each.startswith(".pre-commit-config.yaml: add") for each in left_to_a_person(found, choices(usage())))


def test_a_hook_beside_anchors_of_any_size_is_added() -> None:
    """Lists of lists of lists: as values they have 9 ** 12 members. One contains itself; one merges."""
    levels = [f"x{each}: &x{each} [{', '.join([f'*x{each - 1}'] * 9)}]\n" for each in range(1, 12)]
    merges = [f"y{each}: &y{each} {{<<: [{', '.join([f'*y{each - 1}'] * 9)}]}}\n" for each in range(1, 12)]
    bomb = "".join(["x0: &x0 [a, &a [*a]]\n", *levels, "y0: &y0 {a: 1}\n", *merges])
    found = project({".pre-commit-config.yaml": f"{bomb}repos:\n- repo: a\n"}, table_line=1)
    [change] = plan_changes(found, choices(usage()))
    assert change.new.startswith(f"{bomb}repos:\n- repo: a\n- repo: local\n")


@pytest.mark.parametrize(
    "text", ["[tool]\nminreq = {root = 'x'}\n", "tool.minreq.root = 'x'\n", "[tool.'minreq']\nroot = 'x'\n"]
)
def test_a_table_in_any_spelling_stays(text: str, tmp_path: Path) -> None:
    found = read_project(make(tmp_path, {"pyproject.toml": text}), "litellm")
    assert found.table_line is not None
    assert plan_changes(found, choices(usage())) == ()


def test_a_text_with_the_name_of_the_table_is_no_table(tmp_path: Path) -> None:
    files = {"pyproject.toml": "text = '''\n[tool.minreq]\n'''\n"}
    assert read_project(make(tmp_path, files), "litellm").table_line is None


def test_a_table_that_cannot_be_added_is_left_to_the_user() -> None:
    found = project({"pyproject.toml": "tool = {a = 1}\n"})
    assert plan_changes(found, choices(usage("openai"))) == ()
    assert any(each.startswith("pyproject.toml: `tool`") for each in left_to_a_person(found, choices(usage("openai"))))


def test_files_that_are_something_else(tmp_path: Path) -> None:
    """A pipe that nobody writes to, and a zip of a later standard."""
    os.mkfifo(tmp_path / "pipe.zip")
    with zipfile.ZipFile(tmp_path / "new.zip", "w") as archive:
        archive.writestr("a", "b")
    content = bytearray((tmp_path / "new.zip").read_bytes())
    content[content.index(b"PK\1\2") + 6] = 255
    (tmp_path / "new.zip").write_bytes(content)
    assert read_project(tmp_path, "litellm").layers == ()
    (tmp_path / "pyproject.toml").write_text("#" * 4_000_000 + "\n[tool.ours]\n")
    with pytest.raises(ConfigurationUnreadable, match="more than 4,000,000 bytes"):
        read_project(tmp_path, "litellm")


def test_a_smoke_is_text_and_imports_the_module() -> None:
    odd = FeatureUse(place=Place(file="\udcff.py", line=1), feature="rerank", description="rerank()")
    found = replace(usage("openai"), feature_uses=(odd,), uncovered_features=("rerank",))
    smoke = by_path(plan_changes(project(), choices(found, root="LiteLLM>=1")))["smoke.py"]
    assert smoke.encode()
    assert "import litellm " in smoke


def test_a_file_that_changes_meanwhile_stays(tmp_path: Path) -> None:
    changes = (Change(path="smoke.py", old=None, new=""), Change(path="pyproject.toml", old="a = 1\n", new="a = 2\n"))
    (tmp_path / "pyproject.toml").write_text("a = 3\n")
    with pytest.raises(OutputUnwritable, match="it changed since minreq read it"):
        write_plan(ProjectPlan(folder=tmp_path, findings=(), changes=changes, advice=()))
    assert [each.name for each in tmp_path.iterdir()] == ["pyproject.toml"]


def test_a_job_below_the_top_folder_is_left_to_the_user(tmp_path: Path) -> None:
    """GitHub and GitLab read no job there."""
    make(tmp_path, {".git/config": "", "part/app.py": ""})
    found = read_project(tmp_path / "part", "litellm")
    assert any("no top folder" in each for each in left_to_a_person(found, choices(usage("openai"), "github")))
    found = read_project(tmp_path, "litellm")
    assert not any("no top folder" in each for each in left_to_a_person(found, choices(usage("openai"), "github")))


def test_what_a_platform_means_is_said() -> None:
    left = [*left_to_a_person(project({}, deployment("3.12", "arm64")), choices(usage("openai")))]
    assert any("for lambda-python3.12-arm64" in each for each in left)
    assert not any("allow-unproven" in each for each in left_to_a_person(project(), choices(usage("openai"))))


def test_two_architectures_are_two_platforms() -> None:
    found = project({}, deployment("3.12", "arm64"), deployment("3.12", "x86_64"))
    written = by_path(plan_changes(found, choices(usage("openai"))))["pyproject.toml"]
    assert 'platform = ["lambda-python3.12-arm64", "lambda-python3.12-x86_64"]' in written
    [*_, advice, use] = left_to_a_person(found, choices(usage("openai")))
    assert advice.startswith("make a layer for each architecture: ")
    assert "`minreq build --platform lambda-python3.12-arm64 -o layer-arm64.zip` and " in advice
    # `minreq build` without a platform writes none of them.
    assert use.endswith(": name layer-ARCHITECTURE.zip as ContentUri of the layer, by the architecture of the function")


@pytest.mark.parametrize(
    ("constraint", "specifier"),
    [
        *(("^1.2.3", ">=1.2.3,<2"), ("^0.2.3", ">=0.2.3,<0.3"), ("^0.0.3", ">=0.0.3,<0.0.4"), ("^0", ">=0,<1")),
        *(("~1.2.3", ">=1.2.3,<1.3"), ("~1", ">=1,<2"), ("~=1.2", "~=1.2"), ("1.2.3", "==1.2.3"), ("1.*", "==1.*")),
        *((">=1, <2", ">=1,<2"), ("^1.2,!=1.3", ">=1.2,<2,!=1.3"), ("*", ""), ("^1 || ^2", ""), ("nonsense", "")),
    ],
)
def test_a_constraint_of_poetry_is_translated(constraint: str, specifier: str) -> None:
    assert translate(constraint) == SpecifierSet(specifier)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[tool.poetry.dependencies]\npython = "^3.12"\nLiteLLM = "^1.100"\n', ["pyproject.toml:3 LiteLLM<2,>=1.100"]),
        (
            '[tool.poetry.dependencies.litellm]\nversion = "~1.1"\nextras = ["proxy"]\n',
            ["pyproject.toml:1 litellm[proxy]<1.2,>=1.1"],
        ),
        ('[tool.poetry]\ndependencies = {a = "1", litellm = "*"}\n', ["pyproject.toml:2 litellm"]),
        ('[tool.poetry.dependencies]\nlitellm = {git = "https://example.com/a.git"}\n', []),
        ('[tool.poetry]\ndependencies = ["litellm"]\n', []),
        ("[tool]\npoetry = 1\n", []),
    ],
)  # fmt: skip
def test_dependencies_of_poetry_are_read(text: str, expected: list[str], tmp_path: Path) -> None:
    found = read_project(make(tmp_path, {"pyproject.toml": text}), "litellm").declared
    assert [f"{each.place} {each.requirement}" for each in found] == expected


def test_a_smoke_imports_what_the_code_does(tmp_path: Path) -> None:
    make(tmp_path, {"app.py": "import json, yaml\nfrom google.cloud import storage\n", "lib/broken.py": "import ("})
    assert find_module(tmp_path, [], "pyyaml") == "yaml"
    assert find_module(tmp_path, [], "json-logger") == "json_logger"
    assert find_module(tmp_path, [], "pillow") == "pillow"
    # The files of the distribution say it, whatever the code imports.
    record = "PIL/__init__.py,,\nPIL/Image.py,,\npillow.libs/libtiff.so,,\npillow-12.dist-info/RECORD,,\n"
    info = "layer/python/pillow-12.dist-info"
    make(
        tmp_path,
        {
            f"{info}/METADATA": "Name: Pillow\nVersion: 12\n",
            f"{info}/RECORD": record,
            "layer/python/PIL/__init__.py": "",
        },
    )
    assert find_module(tmp_path, ["layer/python"], "pillow") == "PIL"
    found = choices(usage())
    smoke = by_path(plan_changes(project(), replace(found, module="PIL")))["smoke.py"]
    assert "import PIL " in smoke


def run(*arguments: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    status = main(["init", str(folder), *arguments])
    done = capsys.readouterr()
    return status, done.out, done.err


def test_from_a_clone_to_a_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Shown and not written without --yes; written once; what it wrote is a configuration that `lock` takes."""
    make(tmp_path, {"src/app.py": CODE, "template.yaml": SAM, ".github/dependabot.yml": "version: 2\n"})
    before = sorted(tmp_path.rglob("*"))
    status, out, err = run(folder=tmp_path, capsys=capsys)
    assert (status, sorted(tmp_path.rglob("*"))) == (1, before)
    assert "src/app.py:5" in out
    assert '+providers = ["openai"]' in out
    assert "error: wrote nothing; --yes writes pyproject.toml, smoke.py, .github/workflows/minreq.yml" in err

    status, out, _ = run("--yes", "--json", folder=tmp_path, capsys=capsys)
    found = json.loads(out)
    assert (status, found["written"]) == (0, True)
    assert {each["path"] for each in found["changes"]} == {
        "pyproject.toml",
        "smoke.py",
        ".github/workflows/minreq.yml",
    }
    configuration = find_configuration(tmp_path)
    assert configuration is not None
    settings = lock_settings({"cache_dir": tmp_path}, read_values(configuration, None))
    assert (settings.providers, settings.platforms) == (("openai",), ("lambda-python3.12-arm64",))
    built = build_settings({"cache_dir": tmp_path}, {}, read_build_values(configuration, None))
    assert (built.slim, built.budget, built.is_zip) == ("cold", 250 << 20, True)
    subprocess.run([sys.executable, "-m", "py_compile", tmp_path / "smoke.py"], check=True)
    shutil.rmtree(tmp_path / "__pycache__")

    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    status, out, _ = run("--yes", folder=tmp_path, capsys=capsys)
    assert (status, "Nothing to change." in out) == (0, True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == files


def test_a_root_without_a_profile_gets_a_smoke(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, _ = run("--yes", "--root", "nobody-knows>=2", folder=tmp_path, capsys=capsys)
    assert status == 0
    assert (tmp_path / "pyproject.toml").read_text() == (
        '[tool.minreq]\nroot = "nobody-knows>=2"\nsmoke = ["smoke.py"]\n'
    )
    assert "import nobody_knows" in (tmp_path / "smoke.py").read_text()


@pytest.mark.parametrize(
    ("files", "arguments", "sentence"),
    [
        ({"pyproject.toml": "["}, (), "cannot read the configuration"),
        ({".github": ""}, ("--ci", "github", "--yes"), "cannot write"),
        ({"pyproject.toml/x": ""}, (), "cannot read the configuration"),
    ],
    ids=["no-toml", "file-for-folder", "folder-for-file"],
)
def test_bad_input(
    files: Mapping[str, str],
    arguments: tuple[str, ...],
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make(tmp_path, files)
    status, _, err = run(*arguments, folder=tmp_path, capsys=capsys)
    assert (status, sentence in err) == (2, True)
    status, _, err = run(folder=tmp_path / "absent", capsys=capsys)
    assert (status, "absent: it is not a folder" in err) == (2, True)


def test_the_example_is_the_job_that_is_written() -> None:
    example = Path(__file__).parents[1] / "examples/github-actions/minreq.yml"
    [change] = plan_changes(project({}, table_line=1), choices(usage(), "github"))
    assert change.new == example.read_text()
