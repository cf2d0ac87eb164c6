"""`minreq providers`, and a profile from outside, as a user runs them."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from commanding import Project, project

pytestmark = pytest.mark.one_python

SCENARIO = """
explanation = "Providers share what tools need; one has a client of its own, two need what the import does without."
requirements = ["fat"]
[wheels.fat."1.0"]
requires = ["always", "boxes", "shared", "near-client", "speedup", "politeness", "vault", "whim"]
extras = { more = ["bonus"] }
files = { "fat/__init__.py" = '''
import always
try:
    import vault
except ImportError:
    vault = None
''', "fat/calls.py" = '''
import fat

def indulge():
    import whim

def chat(provider):
    try:
        indulge()
    except Exception:
        pass
    if provider == "deep" and fat.vault is None:
        raise RuntimeError("there is no vault")
    try:
        import speedup
    except ImportError:
        speedup = None
    if provider == "near":
        import near_client
        near_client.ask()
    print(provider, "answered")

def tools(provider):
    import shared
    if provider == "near":
        import vault
    if provider == "far":
        import bonus
        try:
            import politeness
            print("please")
        except ImportError:
            pass
''' }
[wheels.always."1.0"]
[wheels.bonus."1.0"]
[wheels.boxes."2.0"]
[wheels.seal."1.0"]
[wheels.vault."1.0"]
requires = ["seal"]
files = { "vault/__init__.py" = "import seal" }
[wheels.shared."1.5"]
[wheels.speedup."1.0"]
[wheels.politeness."1.0"]
[wheels.whim."1.0"]
[wheels.near-client."3.0"]
requires = ["boxes"]
files = { "near_client/__init__.py" = '''
def ask():
    import boxes
''' }
"""
PROFILE = """
name = "fat"
roots = ["fat"]
first = "smokes/fat_first.py"

[features.chat]
file = "smokes/fat_chat.py"
calls = "chat"

[features.tools]
file = "smokes/fat_tools.py"
calls = "chat"

[providers.near]
[[providers.near.calls]]
kind = "chat"
name = "near"
model = "near/one"

[[providers.deep.calls]]
kind = "chat"
name = "deep"
model = "deep/one"

[[providers.far.calls]]
kind = "chat"
name = "far"
model = "far/one"

[[providers.far.cannot]]
features = ["chat"]
versions = "<2"
reason = "older releases do not chat"
"""
SCRIPTS = {
    "fat_first": "import fat\nimport fat.calls\n",
    "fat_chat": """
import json, os
from fat.calls import chat
for call in json.loads(os.environ["MINREQ_CALLS"]):
    chat(call["model"].partition("/")[0])
""",
    "fat_tools": """
import json, os
from fat.calls import tools
for call in json.loads(os.environ["MINREQ_CALLS"]):
    tools(call["model"].partition("/")[0])
""",
}


def profile(folder: Path, text: str = PROFILE) -> Path:
    """A profile of the toy root."""
    (folder / "smokes").mkdir(parents=True)
    for name, script in SCRIPTS.items():
        (folder / "smokes" / f"{name}.py").write_text(script, encoding="utf-8")
    (folder / "profile.toml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def made(tmp_path: Path) -> Project:
    found = project(SCENARIO, tmp_path)
    profile(found.folder / "profiles" / "fat")
    found.folder.joinpath("pyproject.toml").write_text('[tool.minreq]\nprofiles = ["profiles/fat"]\n', encoding="utf-8")
    return found


def measured(made: Project, *arguments: str) -> dict[str, Any]:
    done = made.minreq("providers", "fat", "--json", *arguments)
    assert done.status == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def names(found: dict[str, Any]) -> dict[str, list[str]]:
    return {each["provider"]: [part["name"] for part in each["distributions"]] for each in found["providers"]}


def test_what_each_provider_needs(made: Project) -> None:
    """What another needs is on its own account; what makes a difference is needed, what makes none is not (whim).

    What the import of the root does without counts too: where it has to be there before anything is called (deep), and
    where it is asked for again (near).
    """
    found = measured(made)
    assert [part["name"] for part in found["base"]["distributions"]] == ["always", "fat"]
    assert names(found) == {
        "deep": ["seal", "shared", "vault"],
        "far": ["bonus", "politeness", "shared"],
        "near": ["boxes", "near-client", "seal", "shared", "vault"],
    }
    _, far, near = found["providers"]
    assert far["features"] == ["tools"]
    assert far["skipped"] == [{"stage": "far/chat", "call": "far", "reason": "older releases do not chat"}]
    why = {part["name"]: part["why"] for part in (*near["distributions"], *far["distributions"])}
    assert why["near-client"].startswith(
        "near/chat fails without it: ModuleNotFoundError: No module named 'near_client'"
    )
    assert why["shared"].startswith("far/tools fails without it: ModuleNotFoundError: No module named 'shared'")
    assert why["politeness"] == "output of far/tools differs without it"
    assert {part["version"] for part in near["distributions"]} == {"1.0", "1.5", "2.0", "3.0"}
    assert near["bytes"] == sum(part["bytes"] for part in near["distributions"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--features", "zzz"], "no feature 'zzz'; known: chat, tools"),
        (["-p", "near", "--features", "zzz"], "no feature 'zzz' of near; known: chat, tools"),
        (["-p", "zzz"], "no provider 'zzz'; known: deep, far, near"),
    ],
)
def test_an_unknown_name_is_reported_before_the_index_is_asked(
    arguments: list[str], sentence: str, made: Project
) -> None:
    done = made.minreq("providers", "fat", "--index-url", "http://localhost:9/simple", *arguments)
    assert (done.status, done.sentences[0]) == (2, sentence)


def test_it_is_what_a_lock_keeps(made: Project) -> None:
    """Base and needs together are the lock of that provider alone."""
    found = measured(made)
    base = {part["name"] for part in found["base"]["distributions"]}
    for provider, needs in names(found).items():
        done = made.minreq("lock", "fat", "--providers", provider, "--json", "-o", f"{provider}.txt")
        assert done.status == 0, done.err
        assert {each["name"] for each in json.loads(done.out)["kept"]} == base | {*needs}
        skipped = "far/chat: skipped in part or whole: older releases do not chat"
        assert (skipped in done.err) is (provider == "far")


def test_what_was_measured_is_kept(made: Project) -> None:
    """Nothing runs again; a provider that is new, or whose script changed, does."""
    first = measured(made)
    records = {file: file.stat().st_ino for file in (made.cache / "providers").iterdir()}
    assert len(records) == 4
    assert measured(made) == first
    assert {file: file.stat().st_ino for file in (made.cache / "providers").iterdir()} == records
    assert measured(made, "--providers", "far")["providers"] == first["providers"][1:2]
    script = made.folder / "profiles" / "fat" / "smokes" / "fat_tools.py"
    script.write_text(script.read_text() + "import always\n")
    assert measured(made) == first
    assert len([*(made.cache / "providers").iterdir()]) > len(records)


def test_the_table(made: Project) -> None:
    done = made.minreq("providers", "fat", "-q")
    assert done.status == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].startswith("fat 1.0 on Python 3.")
    assert "the import needs 2 distributions" in lines[0]
    [far, near] = [line.split() for line in lines if line.startswith(("far ", "near "))]
    assert far[:2] == ["far", "3"]
    assert near[:2] == ["near", "5"]
    assert "chat, tools: deep, near" in lines
    assert lines[-1] == "skipped in part or whole: far/chat: older releases do not chat"


def test_what_each_feature_adds(made: Project) -> None:
    """Beyond the default features of its provider; a lock without the feature then shows what it would add."""
    optional = PROFILE.replace("[features.tools]\n", "[features.tools]\ndefault = false\n")
    made.folder.joinpath("profiles", "fat", "profile.toml").write_text(optional, encoding="utf-8")
    made.folder.joinpath("smoke.py").write_text("import always\n", encoding="utf-8")
    before = made.minreq("lock", "always", "fat", "--providers", "near", "--smoke", "smoke.py", "-o", "before.txt")
    assert "\nNot covered by this lock: tools\n" in before.err
    assert "minreq providers fat==1.0 -p near --by-feature\n" in before.err
    done = made.minreq("providers", "fat", "--by-feature")
    assert done.status == 0, done.err
    rows = {line[: line.index("  ")]: line.split() for line in done.out.splitlines() if "  " in line}
    assert "skipped in part or whole: far/chat: older releases do not chat" in done.out
    found = {
        (each["provider"], each["feature"]): {part["name"] for part in each["distributions"]}
        for each in measured(made, "--by-feature")["providers"]
    }
    assert found == {
        ("deep", None): {"seal", "vault"},
        ("deep", "tools"): {"shared"},
        ("far", None): set(),
        ("far", "tools"): {"bonus", "politeness", "shared"},
        ("near", None): {"boxes", "near-client"},
        ("near", "tools"): {"seal", "shared", "vault"},
    }
    assert rows["near + tools"][3:4] == ["3"]
    assert rows["far"][1:] == ["-", "-", "0", "skipped,", "see", "below"]
    assert names(measured(made))["near"] == ["boxes", "near-client"]
    after = made.minreq("lock", "fat", "--providers", "near", "-o", "after.txt", "--json")
    [addition] = json.loads(after.out)["features_add"]
    assert (addition["feature"], addition["distributions"]) == ("tools", ["seal", "shared", "vault"])
    shown = made.minreq("lock", "fat", "--providers", "near,deep", "-o", "both.txt")
    assert "Not covered by this lock, and what each would add: tools (shared, " in shown.err  # deep has the others


def test_a_provider_whose_smoke_fails(made: Project) -> None:
    """The other providers are measured, and the exit status is 3."""
    script = made.folder / "profiles" / "fat" / "smokes" / "fat_chat.py"
    script.write_text("raise LookupError('nobody home')\n")
    done = made.minreq("providers", "fat")
    assert done.status == 3
    [near] = [line for line in done.out.splitlines() if line.startswith("near ")]
    assert near.endswith("near/chat: LookupError: nobody home")
    [far] = [line for line in done.out.splitlines() if line.startswith("far ")]
    assert "shared 1.5" in far
    [sentence] = done.sentences
    assert sentence.startswith("could not measure deep, near; the table shows why")
    told = made.minreq("providers", "fat", "--json")
    assert told.status == 3
    result = json.loads(told.out)
    assert result["schema"] == 1
    failures = {each["provider"]: each["failure"] for each in result["providers"]}
    assert failures["near"] == "near/chat: LookupError: nobody home"
    assert failures["far"] is None


def test_a_provider_that_cannot_be_had(made: Project) -> None:
    """A provider that cannot be resolved changes neither the others nor their versions."""
    file = made.folder / "profiles" / "fat" / "profile.toml"
    call = '[[providers.{0}.calls]]\nkind = "chat"\nname = "{0}"\nmodel = "{0}/one"\n'
    wanting = '[providers.{0}]\nrequirements = ["{1}"]\n' + call
    file.write_text(PROFILE + wanting.format("lost", "nowhere") + wanting.format("picky", "shared>=7"), "utf-8")
    done = made.minreq("providers", "fat", "--json")
    assert done.status == 3
    found = json.loads(done.out)
    failures = {each["provider"]: each["failure"] for each in found["providers"]}
    assert failures.keys() == {"deep", "far", "lost", "near", "picky"}
    assert failures["lost"].startswith("no project 'nowhere'")
    assert "shared>=7" in failures["picky"]
    assert {*failures.values()} == {None, failures["lost"], failures["picky"]}
    assert names(found)["far"] == ["bonus", "politeness", "shared"]
    assert done.sentences[-1].startswith("could not measure lost, picky; the table shows why")


def test_what_is_accepted_counts(made: Project, tmp_path: Path) -> None:
    """A start-up file refused once is no reason to find nothing of its distribution when it is accepted."""
    files = 'files = { "politeness/__init__.py" = "", "politeness.pth" = "import sys" }\n'
    heading = '[wheels.politeness."1.0"]\n'
    again = project(SCENARIO.replace(heading, heading + files), tmp_path / "again")
    shutil.copytree(made.folder / "profiles", again.folder / "profiles")
    shutil.copy(made.folder / "pyproject.toml", again.folder)
    arguments = ("--providers", "far")
    assert names(measured(again, *arguments)) == {"far": ["bonus", "shared"]}
    accepted = measured(again, *arguments, "--allow-pth", "politeness")
    assert names(accepted) == {"far": ["bonus", "politeness", "shared"]}
    assert names(measured(again, *arguments, "--allow-pth", "speedup")) == {"far": ["bonus", "shared"]}


def test_what_only_an_environment_shows_counts(made: Project, tmp_path: Path) -> None:
    """A provider that looks for files beside it needs those that it finds on a full install."""
    scanned = """def tools(provider):
    from pathlib import Path
    if provider == "deep":
        print(sorted(each.name for each in Path(__file__).parents[1].glob("*_card")))
"""
    text = SCENARIO.replace("def tools(provider):\n", scanned).replace('"whim"]', '"whim", "deck"]')
    again = project(f'{text}\n[wheels.deck."1.0"]\nfiles = {{ "deck_card/card.txt" = "" }}\n', tmp_path / "again")
    shutil.copytree(made.folder / "profiles", again.folder / "profiles")
    shutil.copy(made.folder / "pyproject.toml", again.folder)
    found = measured(again)
    assert names(found)["deep"] == ["deck", "seal", "shared", "vault"]
    assert names(found)["far"] == ["bonus", "politeness", "shared"]


def test_an_interrupt_loses_only_what_is_not_measured(made: Project) -> None:
    script = made.folder / "profiles" / "fat" / "smokes" / "fat_chat.py"
    waiting = "    if call['model'] == 'near/one': __import__('time').sleep(600)\n"
    script.write_text(script.read_text("utf-8").replace("    chat(", f"{waiting}    chat("))
    records = made.cache / "providers"
    command = made.command("providers", "fat", "--jobs", "2", "-q")
    with subprocess.Popen(
        command, cwd=made.folder, env=made.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            while not any('"provider": "far"' in file.read_text("utf-8") for file in records.glob("*.json")):
                assert process.poll() is None
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
        finally:
            process.kill()
    kept = {file: file.stat().st_ino for file in records.glob("*.json")}
    assert names(measured(made, "--providers", "far")) == {"far": ["bonus", "politeness", "shared"]}
    assert {file: file.stat().st_ino for file in records.glob("*.json")} == kept


def test_a_base_with_an_extra_is_kept(made: Project) -> None:
    """What the import needs of an extra is measured once, and is there for a provider that is measured later."""
    first = made.folder / "profiles" / "fat" / "smokes" / "fat_first.py"
    asking = "exec(compile('import bonus', fat.calls.__file__, 'exec'))\n"
    first.write_text(first.read_text("utf-8") + asking, "utf-8")
    found = measured(made, "--providers", "near")
    assert [part["name"] for part in found["base"]["distributions"]] == ["always", "bonus", "fat"]
    [base] = [file for file in (made.cache / "providers").iterdir() if '"extras"' in file.read_text()]
    before = base.stat().st_ino
    assert names(measured(made, "--providers", "far,near")) == {**names(found), "far": ["politeness", "shared"]}
    assert base.stat().st_ino == before


def test_a_root_without_providers(made: Project) -> None:
    done = made.minreq("providers", "always")
    assert done.status == 2
    told = "there is no profile for always, so it has no providers; name a script with --smoke, or a folder with a "
    assert done.sentences == [f"{told}profile with --profiles"]
