"""`minreq export --format vex` and `openvex`: which known vulnerabilities do not affect a lock, and never more."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from commanding import Done, Project, project
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from lib4sbom.parser import SBOMParser
from samplelock import LOCK

from minreq.errors import AdvisoriesUnreadable
from minreq.export import vex
from minreq.export.advisories import Advisory, read_advisories
from minreq.export.statements import BuiltTree, Statement, find_statements

SCENARIO = """
explanation = "The root uses one module of a dependency, not the other, and not a declared distribution."
requirements = ["app"]
program = "import app"
[wheels.app."1.0"]
requires = ["needed", "unused"]
files = { "app/__init__.py" = "import needed.used" }
[wheels.needed."1.0"]
files = { "needed/__init__.py" = "", "needed/used.py" = "", "needed/spare.py" = "x = 1" }
[wheels]
unused."2.0" = {}
"""
#: A result of pip-audit 2.
AUDIT = {
    "dependencies": [
        {"name": "Unused", "version": "2.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"], "aliases": ["CVE-1"]}]},
        {"name": "needed", "version": "1.0", "vulns": [{"id": "PYSEC-2", "fix_versions": []}]},
        {"name": "app", "skip_reason": "not on the index"},
    ],
    "fixes": [],
}


def osv(identifier: str, *modules: str, name: str = "needed", attribute: str = "", **fields: Any) -> dict[str, Any]:
    specific = {"imports": [{"modules": [*modules], "attribute": attribute}]} if modules else {}
    affected = {"package": {"ecosystem": "PyPI", "name": name}, "ecosystem_specific": specific, **fields}
    return {"id": identifier, "affected": [affected]}


OSV = [
    osv("PYSEC-3", "needed.spare"),
    osv("PYSEC-4", "needed", attribute="spare"),
    osv("PYSEC-5", "needed.used"),
    osv("PYSEC-6", "needed.spare", "needed.used"),
    osv("PYSEC-7", "needed.nowhere"),
    osv("PYSEC-8", "needed.spare", package={"ecosystem": "npm", "name": "needed"}),
    osv("PYSEC-9", name="stranger"),
]


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with its lock, a build that left files out, and two files of advisories."""
    made = project(SCENARIO, tmp_path_factory.mktemp("vex"))
    made.make_lock()
    done = made.minreq("build", "-o", "layer.zip", "--slim", "traced", "--yes-traced", "-q", *("--sbom", "bom.json"))
    assert done.status == 0, done.err
    (made.folder / "audit.json").write_text(json.dumps(AUDIT))
    (made.folder / "osv.json").write_text(json.dumps(OSV))
    return made


def export(locked: Project, form: str, *arguments: str) -> Done:
    advisories = ["--advisories", "audit.json", "--advisories", "osv.json"]
    return locked.minreq("export", "--format", form, *advisories, "-o", "-", "-q", *arguments)


def test_cyclonedx(locked: Project) -> None:
    """Left-out distributions, and modules that the build left out; equal inputs give equal bytes."""
    done = export(locked, "vex", "--build", "layer.zip")
    assert (done.status, done.err) == (0, "")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(done.out) is None
    document = json.loads(done.out)
    found = {each["id"]: each for each in document["vulnerabilities"]}
    assert sorted(found) == ["PYSEC-1", "PYSEC-3"]
    # What the build left out is in any other installation of the lock.
    assert document["metadata"]["component"]["name"] == "layer.zip"
    assert {each["analysis"]["state"] for each in found.values()} == {"not_affected"}
    assert {each["analysis"]["justification"] for each in found.values()} == {"code_not_present"}
    assert found["PYSEC-1"]["affects"] == [{"ref": "pkg:pypi/unused@2.0"}]
    assert found["PYSEC-1"]["references"][0]["id"] == "CVE-1"
    assert found["PYSEC-3"]["analysis"]["detail"] == "The build left out the files of needed.spare."
    assert {each["name"]: each["scope"] for each in document["components"]} == {
        "needed": "required",
        "unused": "excluded",
    }
    assert export(locked, "vex", "--build", "layer.zip").out == done.out


def test_the_bill_of_materials_of_a_build(locked: Project) -> None:
    """What lies in the tree, with the licences that it states."""
    text = (locked.folder / "bom.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document = json.loads(text)
    assert document["metadata"]["component"]["name"] == "layer.zip"
    found = {
        each["name"]: {entry["name"]: entry["value"] for entry in each["properties"]} for each in document["components"]
    }
    with zipfile.ZipFile(locked.folder / "layer.zip") as archive:
        sizes = {each.filename: each.file_size for each in archive.infolist()}
    for name in ("app", "needed"):
        own = sum(size for path, size in sizes.items() if path.startswith((f"python/{name}/", f"python/{name}-1.0.")))
        assert found[name]["minreq:bytes-in-tree"] == str(own)


# It leaves its tables of licences open.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_scanner_reads_the_bill_of_materials_of_a_build(locked: Project) -> None:
    """lib4sbom is what cve-bin-tool reads bills of materials with."""
    reader = SBOMParser()
    reader.parse_file(str(locked.folder / "bom.json"))
    assert {each["name"]: each["version"] for each in reader.get_packages()} == {"app": "1.0", "needed": "1.0"}
    edges = {(each["source"], each["target"]) for each in reader.get_relationships() if each["type"] == "DEPENDS_ON"}
    assert edges == {("app", "needed")}


def test_openvex_of_a_lock_claims_nothing_of_what_is_kept(locked: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1760000000")
    done = export(locked, "openvex")
    assert (done.status, done.err) == (0, "")
    document = json.loads(done.out)
    assert document["timestamp"] == "2025-10-09T08:53:20Z"
    [statement] = document["statements"]
    assert statement == {
        "vulnerability": {"name": "PYSEC-1", "aliases": ["CVE-1"]},
        "products": [
            {
                "@id": "pkg:generic/requirements-minimal.txt?root=app@1.0",
                "subcomponents": [{"@id": "pkg:pypi/unused@2.0"}],
            }
        ],
        "status": "not_affected",
        "justification": "component_not_present",
        "impact_statement": "The lock leaves unused out; the smoke behaves the same without it.",
    }
    assert export(locked, "openvex").out == done.out


def test_a_module_with_any_file_in_the_tree_is_there(locked: Project, tmp_path: Path) -> None:
    """Whatever put it there: an extension module comes before the source that says who left it out."""
    folder = tmp_path / "tree"
    with zipfile.ZipFile(locked.folder / "layer.zip") as archive:
        archive.extractall(folder)
    spare, metadata = folder / "python/needed/spare.py", folder / "python/needed-1.0.dist-info/METADATA"
    extension = spare.with_name("spare.cpython-312-x86_64-linux-gnu.so")
    placeholder, parsed = spare.read_bytes(), metadata.read_bytes()

    def claims() -> list[str]:
        statements = json.loads(export(locked, "openvex", "--build", str(folder)).out)["statements"]
        return [each["vulnerability"]["name"] for each in statements]

    assert claims() == ["PYSEC-1", "PYSEC-3"]
    extension.touch()
    assert claims() == ["PYSEC-1"]
    extension.unlink()
    spare.write_text("x = 1")  # An installer wrote over the placeholder.
    assert claims() == ["PYSEC-1"]
    spare.write_bytes(placeholder)
    metadata.unlink()  # As in one of several layers.
    assert claims() == ["PYSEC-1"]
    metadata.write_bytes(parsed)
    extension.symlink_to(spare)
    done = export(locked, "openvex", "--build", str(folder))
    assert (done.status, "is a link" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("present", "removed", "is_absent"),
    [
        ((), ("a/b.py",), True),
        ((), ("a/b/__init__.py", "a/b/c.py"), True),
        (("a/b.cpython-312-x86_64-linux-gnu.so",), ("a/b.py",), False),
        (("a/b/data.json",), ("a/b/__init__.py",), False),
        (("a/__init__.py",), ("a/b.py",), True),
        (("a/__init__.py",), ("a/b.pyi",), False),
        (("a/bc.py",), (), False),
        # A folder of data is no module; the code may be in the package.
        (("a/c.py",), ("a/b/data.json",), False),
        # mypyc puts the code of many modules into one library.
        (
            ("81d243bd__mypyc.cpython-312-x86_64-linux-gnu.so",),
            ("a/b.py", "a/b.cpython-312-x86_64-linux-gnu.so"),
            False,
        ),
        (("81d243bd__mypyc.cpython-312-x86_64-linux-gnu.so",), ("a/b.py",), True),
        # A copy of a distribution in another one is there.
        (("other/_vendor/a/b.py",), ("a/b.py",), False),
        (("lib/python3.12/site-packages/a/b/__init__.py",), ("a/b/__init__.py",), False),
    ],
)
def test_when_code_is_absent(present: tuple[str, ...], removed: tuple[str, ...], *, is_absent: bool) -> None:
    name = LOCK.selection.kept[0].candidate.name
    advisory = Advisory(id="X", aliases=(), projects={name: ("a.b.Class.method",)})
    tree = BuiltTree(present=frozenset(present), removed=frozenset(removed))
    assert bool(find_statements(LOCK, [advisory], tree)) is is_absent


def test_advisories_of_each_kind(tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    for document in (OSV[0], {"vulns": [OSV[0]]}, [OSV[0], OSV[0]]):
        file.write_text(json.dumps(document))
        [advisory] = read_advisories(file)
        assert (advisory.id, advisory.projects) == ("PYSEC-3", {"needed": ("needed.spare",)})


def test_advisories_that_do_not_name_all_code(tmp_path: Path) -> None:
    """One range of versions, or one entry, without modules: then nothing is known of where the code is."""
    file = tmp_path / "file.json"
    named, unnamed = osv("X", "a.b")["affected"], osv("X")["affected"]
    partly = osv("X", "a.b")
    partly["affected"][0]["ecosystem_specific"]["imports"].append({"attribute": "f", "modules": []})
    for document in ({"id": "X", "affected": [*named, *unnamed]}, partly):
        file.write_text(json.dumps(document))
        [advisory] = read_advisories(file)
        assert advisory.projects == {"needed": ()}


def test_what_the_runtime_provides_is_there() -> None:
    """Only what is really left out is not present; `botocore` of the sample lock is that of the runtime."""
    names = [each.candidate.name for each in LOCK.selection.left_out]
    advisories = [Advisory(id=name, aliases=(), projects={name: ()}) for name in names]
    claimed = {each.name for each in find_statements(LOCK, advisories, None)}
    assert LOCK.resolution.provided == {"botocore"}
    assert claimed == {*names} - {"botocore"}


def test_identifiers_of_odd_versions() -> None:
    name = LOCK.selection.left_out[1].candidate.name
    statement = Statement(
        advisory=Advisory(id="X", aliases=(), projects={}),
        name=name,
        version="1!2.0+cpu",
        justification="component_not_present",
        impact="",
    )
    text = vex.render_openvex(LOCK, [statement], made_from="a b?.zip")
    [product] = json.loads(text)["statements"][0]["products"]
    assert product["@id"].startswith("pkg:generic/a%20b%3F.zip?root=")
    assert product["subcomponents"] == [{"@id": f"pkg:pypi/{name}@1%212.0%2Bcpu"}]


@pytest.mark.parametrize("text", ["{}", '{"vulns": []}', '{"dependencies": []}', "[]"])
def test_no_advisories_are_an_answer(text: str, tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    file.write_text(text)
    assert read_advisories(file) == ()
    # An entry without a package is about a repository.
    file.write_text('{"id": "X", "affected": [{"ranges": []}]}')
    assert [each.projects for each in read_advisories(file)] == [{}]


@pytest.mark.parametrize(
    "text", ["{", "[1]", '{"id": "x"}', '[{"affected": [{}]}]', "5", '{"dependencies": [{}]}', '"\\ud800"']
)
def test_advisories_that_are_none(text: str, tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    file.write_text(text)
    with pytest.raises(AdvisoriesUnreadable, match=r"cannot read the advisories .*file\.json"):
        read_advisories(file)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--format", "vex"), "--format vex needs --advisories"),
        (("--format", "pylock", "--build", "layer.zip"), "are for --format vex"),
        (("--format", "vex", "--advisories", "absent.json"), "cannot read the advisories absent.json: No such file"),
        (("--format", "vex", "--advisories", "osv.json", "--build", "osv.json"), "osv.json"),
        (("--format", "vex", "--advisories", "osv.json", "--build", "."), "is no build of"),
    ],
)
def test_bad_input(locked: Project, arguments: tuple[str, ...], sentence: str) -> None:
    done = locked.minreq("export", *arguments, "-o", "-", "-q")
    assert (done.status, sentence in done.err) == (2, True), done.err


def test_a_build_of_another_lock(locked: Project, tmp_path: Path) -> None:
    lock = tmp_path / locked.lock.name
    lock.write_text(locked.lock.read_text() + "# changed\n")
    (tmp_path / locked.evidence.name).write_bytes(locked.evidence.read_bytes())
    done = export(locked, "openvex", "--build", "layer.zip", str(lock))
    assert (done.status, "another content of" in done.err) == (2, True), done.err
