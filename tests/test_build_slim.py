"""What each level leaves out, on trees of a few files."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from packaging.utils import canonicalize_name
from samplelock import candidate, failure

from minreq.build.slim import coldarchives
from minreq.build.slim.files import Rule, TreeFile
from minreq.build.slim.layers import plan_layers
from minreq.build.slim.modulegraph import entry_point_modules, names_in_source
from minreq.build.slim.placeholders import plan_placeholders, plan_service_placeholders
from minreq.build.slim.select import select_files
from minreq.model import Kept
from minreq.source.modulenames import module_of


def tree_files(folder: Path, files: Mapping[str, str]) -> tuple[TreeFile, ...]:
    found = []
    for path, text in files.items():
        source = folder / path
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(text)
        owner = canonicalize_name(path.partition("/")[0])
        found.append(TreeFile(path=path, owner=owner, source=source, size=len(text)))
    return tuple(found)


def keep(name: str, *, providers: tuple[str, ...]) -> Kept:
    return Kept(candidate=candidate(name, "1.0"), evidence=failure(name), bytes=1, providers=providers)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import a.b, c as d  # e", ["a.b", "c"]),
        ("from a import b, c as d", ["a", "a.b", "a.c"]),
        ("from a import (\n    b,  # first\n    c,\n)", ["a", "a.b", "a.c"]),
        ("def f():\n    from . import x", ["p.q", "p.q.x"]),
        ("from ..r import s", ["p.r", "p.r.s"]),
        ("from ....r import s", []),
        ("import_module('.lazy', __package__)", ["p.q.lazy"]),
        ("names = ['a.b.c', 'word']", ["a.b.c"]),
        ("important = 1", []),
    ],
)
def test_names_in_source(source: str, names: list[str]) -> None:
    assert [*names_in_source(source.encode(), "p.q")] == names


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("a/b.py", "a.b"),
        ("a/__init__.py", "a"),
        ("a/b.cpython-312-x86_64-linux-gnu.so", "a.b"),
        ("a/b.abi3.so", "a.b"),
        ("a.libs/libx.so.6", None),
        ("a/b.json", None),
        ("a/b-c.py", None),
    ],
)
def test_modules(path: str, module: str | None) -> None:
    assert module_of(path) == module


class TestSafe:
    """Conventions, and where they do not hold."""

    def test_stubs_that_a_package_reads_stay(self, tmp_path: Path) -> None:
        files = {"a/__init__.py": "lazy.attach_stub(__name__, __file__)", "a/__init__.pyi": "", "b/b.pyi": ""}
        selection = select_files(tree_files(tmp_path, files), "safe")
        assert [removed.file.path for removed in selection.removed] == ["b/b.pyi"]

    def test_tests_that_something_imports_stay(self, tmp_path: Path) -> None:
        files = {"a/__init__.py": "import a.tests.helper", "a/tests/helper.py": "", "b/tests/b.py": "import b.tests"}
        selection = select_files(tree_files(tmp_path, files), "safe")
        assert {removed.file.path: removed.rule for removed in selection.removed} == {"b/tests/b.py": Rule.TESTS}

    def test_licences_stay_wherever_they_are(self, tmp_path: Path) -> None:
        files = {"a/docs/LICENSE.md": "", "a/docs/guide.md": "", "a/tests/licenses/BSD.txt": ""}
        selection = select_files(tree_files(tmp_path, files), "traced")
        assert {file.path for file in selection.kept} == {"a/docs/LICENSE.md", "a/tests/licenses/BSD.txt"}


class TestUnused:
    """Folders that nothing which stays names."""

    def test_services_that_were_not_used(self, tmp_path: Path) -> None:
        data = ("botocore/data/sts/1/service.json", "botocore/data/s3/1/service.json", "botocore/data/endpoints.json")
        files = {"botocore/__init__.py": "", **dict.fromkeys(data, "")}
        selection = select_files(tree_files(tmp_path, files), "unused", opened={"botocore/__init__.py", data[0]})
        assert {removed.file.path: removed.rule for removed in selection.removed} == {data[1]: Rule.SERVICES}

    def test_services_that_the_user_keeps(self, tmp_path: Path) -> None:
        """The errors of botocore and boto3 name the others, in a folder that they list as a service."""
        data = (
            "botocore/data/sts/1/service-2.json.gz",
            "boto3/data/ec2/1/resources-1.json",
            "botocore/data/s3/1/service-2.json",
            "boto3/data/s3/1/resources-1.json",
        )
        files = {"botocore/__init__.py": "", "boto3/__init__.py": "", **dict.fromkeys(data, "")}
        opened = {"botocore/__init__.py", "boto3/__init__.py", "botocore/data/_retry.json"}
        files["botocore/data/_retry.json"] = ""
        selection = select_files(tree_files(tmp_path, files), "unused", opened=opened, services={"s3"})
        assert {removed.file.path for removed in selection.removed} == {*data[:2]}
        found = [(*path.partition("/(")[::2], owner) for path, owner in plan_service_placeholders(selection).items()]
        assert all("--keep-service" in path for _, path, _ in found)
        assert [(folder, PurePosixPath(path).name, owner) for folder, path, owner in found] == [
            ("boto3/data", "resources-1.json", "boto3"),
            ("botocore/data", "service-2.json", "botocore"),
        ]

    @pytest.mark.parametrize(
        ("source", "stays"),
        [("from attr import define", True), ("from . import other\nfrom attr import x", True), ("x = 1", False)],
    )
    def test_an_alias_of_what_stays(self, tmp_path: Path, source: str, stays: bool) -> None:  # noqa: FBT001 - A case.
        files = {
            "attr/__init__.py": "",
            "attrs/__init__.py": source,
            "attrs/more.py": "import attr",
            "p/__init__.py": "",
        }
        found = [replace(each, owner=canonicalize_name("attrs")) for each in tree_files(tmp_path, files)]
        selection = select_files(found, "unused", opened={"attr/__init__.py"})
        removed = {each.file.path for each in selection.removed}
        assert removed == {"p/__init__.py"} | (set() if stays else {"attrs/__init__.py", "attrs/more.py"})

    def test_a_service_that_is_called_like_a_licence(self, tmp_path: Path) -> None:
        data = ("botocore/data/license-manager/1/service.json", "botocore/licenses/MIT.txt", "botocore/LICENSE-APACHE")
        files = {"botocore/__init__.py": "", **dict.fromkeys(data, "")}
        selection = select_files(tree_files(tmp_path, files), "unused", opened={"botocore/__init__.py"})
        assert {removed.file.path for removed in selection.removed} == {data[0]}

    def test_what_every_service_needs_stays_where_none_was_used(self, tmp_path: Path) -> None:
        """Else a client of any service fails with a file that has nothing to do with it."""
        data = ("botocore/data/s3/1/service.json", "botocore/data/endpoints.json")
        files = {"a/__init__.py": "", "botocore/__init__.py": "", **dict.fromkeys(data, "")}
        selection = select_files(tree_files(tmp_path, files), "unused", opened={"botocore/__init__.py"})
        assert {removed.file.path: removed.rule for removed in selection.removed} == {
            "a/__init__.py": Rule.PACKAGES,
            data[0]: Rule.SERVICES,
        }
        nothing = select_files(tree_files(tmp_path, files), "unused", opened={"a/__init__.py"})
        assert data[1] in {removed.file.path for removed in nothing.removed}

    def test_what_stays_brings_what_it_names(self, tmp_path: Path) -> None:
        files = {
            "a/__init__.py": "",
            "a/beside.py": "from a.one import x",
            "a/one/__init__.py": "",
            "a/one/other.py": "MODULES = ['.far']",
            "a/one/far/__init__.py": "",
            "a/two/__init__.py": "import a.one",
        }
        selection = select_files(tree_files(tmp_path, files), "unused", opened={"a/__init__.py"})
        assert {removed.file.path for removed in selection.removed} == {"a/two/__init__.py"}

    def test_who_names_a_namespace_package_looks_into_it(self, tmp_path: Path) -> None:
        files = {"a/__init__.py": "import ext", "ext/one.py": "import b", "b/__init__.py": "", "other/one.py": ""}
        selection = select_files(tree_files(tmp_path, files), "unused", opened={"a/__init__.py"})
        assert {removed.file.path for removed in selection.removed} == {"other/one.py"}

    def test_entry_points_and_native_libraries_stay(self, tmp_path: Path) -> None:
        files = {"a/__init__.py": "", "p/__init__.py": "", "q/__init__.py": "", "a.libs/libz.so.1": ""}
        selection = select_files(tree_files(tmp_path, files), "unused", opened={"a/__init__.py"}, entry_points={"p"})
        assert {removed.file.path for removed in selection.removed} == {"q/__init__.py"}


class TestCold:
    """The level `cold` packs what the smoke does not open."""

    def test_a_compiled_file_without_its_source_stays(self, tmp_path: Path) -> None:
        files = tree_files(tmp_path, {"a/__init__.py": "", "a/b.pyc": "text" * 9999, "a/c.txt": "text" * 9999})
        selection = select_files(files, "cold")
        assert {file.path for file in selection.kept} == {"a/__init__.py", "a/b.pyc"}

    def test_a_program_that_another_python_runs_stays(self, tmp_path: Path) -> None:
        start = "import sys, subprocess\nsubprocess.run([sys.executable, __file__, 'worker.py'])"
        files = {"a/__init__.py": "", "a/start.py": start, "a/sub/worker.py": "", "a/other.py": ""}
        selection = select_files(tree_files(tmp_path, {**files, "b/__init__.py": "", "b/worker.py": ""}), "cold")
        kept = {"a/__init__.py", "a/start.py", "a/sub/worker.py", "b/__init__.py"}
        assert {file.path for file in selection.kept} == kept

    def test_the_list_of_an_archive_is_packed_as_its_reader_expects(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whatever its size: the archive of a large distribution has a large list."""
        monkeypatch.setattr(coldarchives, "_MIN_LZMA", 1)
        cold = select_files(tree_files(tmp_path, {"a/__init__.py": "", "a/b.txt": "text" * 9999}), "cold").cold
        assert cold is not None
        (tmp_path / "tree").mkdir()
        [path] = coldarchives.write_cold_files(cold, tmp_path / "tree", jobs=1)
        with zipfile.ZipFile(tmp_path / "tree" / path) as archive:
            methods = {info.filename: info.compress_type for info in archive.infolist()}
        assert methods == {"a/b.txt": zipfile.ZIP_LZMA, coldarchives.INDEX_MEMBER: zipfile.ZIP_DEFLATED}

    def test_which_code_may_open_cold_files_by_their_path(self, tmp_path: Path) -> None:
        """Data: also code that is not in the tree. Sources: code that is known to."""
        lists = "import os\nos.listdir(os.path.dirname(__file__))"
        files = {"data/__init__.py": "", "data/a.txt": "text" * 9999, "none/__init__.py": "", "none/a.py": "__file__"}
        files |= {"hot/__init__.py": lists, "hot/a.py": "", "cold/__init__.py": "", "cold/a.py": lists}
        cold = select_files(tree_files(tmp_path, files), "cold").cold
        assert cold is not None
        assert {name: use.value for name, use in cold.packages.items()} == {
            "cold": "cold",
            "data": "any",
            "hot": "any",
            "none": "none",
        }


def test_keep_wins_over_drop_and_metadata_over_all(tmp_path: Path) -> None:
    files = {"a/__init__.py": "", "a/b.py": "", "a/c.py": "", "a-1.dist-info/METADATA": ""}
    selection = select_files(tree_files(tmp_path, files), "none", keep={"a/b*"}, drop={"a*"})
    assert {file.path for file in selection.kept} == {"a/b.py", "a-1.dist-info/METADATA"}
    assert {path: each.module for path, each in plan_placeholders(selection).items()} == {
        "a/__init__.py": "a",
        "a/c.py": "a.c",
    }


def test_one_placeholder_for_a_folder_that_is_gone(tmp_path: Path) -> None:
    files = {"a/__init__.py": "", "a/b/c/__init__.py": "", "a/b/__init__.py": "", "a/e.abi3.so": "", "bin/x.py": ""}
    selection = select_files(tree_files(tmp_path, files), "traced", opened={"a/__init__.py"})
    assert {path: each.module for path, each in plan_placeholders(selection).items()} == {
        "a/b/__init__.py": "a.b",
        "a/e.py": "a.e",
    }


def test_a_namespace_package_can_still_be_imported(tmp_path: Path) -> None:
    """Who looks for plugins in it imports it first."""
    files = {"a/__init__.py": "import ext", "ext/one.py": "", "ext/two/__init__.py": "", "ext/two/more.py": ""}
    selection = select_files(tree_files(tmp_path, files), "traced", opened={"a/__init__.py"})
    assert {path: each.module for path, each in plan_placeholders(selection).items()} == {
        "ext/one.py": "ext.one",
        "ext/two/__init__.py": "ext.two",
    }


def test_entry_points_name_modules_and_commands_do_not_count() -> None:
    text = "[console_scripts]\nx = x.cli:main\n[pydantic]\np = p.plugin:plugin [extra]\nq=q\n"
    assert [*entry_point_modules([text])] == ["p.plugin", "q"]


def test_layers_are_one_for_all_and_one_for_each_provider_that_alone_asks() -> None:
    asked = {"root": (), "boto3": ("bedrock",), "jiter": ("openai",), "both": ("bedrock", "openai"), "own": ("smoke",)}
    kept = [keep(name, providers=providers) for name, providers in asked.items()]
    found = plan_layers(kept, ["openai", "bedrock", "azure"], {})
    assert found.layer_of == {"root": "base", "boto3": "bedrock", "jiter": "openai", "both": "base", "own": "base"}
    assert found.functions == {
        "azure": ("base",),
        "bedrock": ("base", "bedrock"),
        "openai": ("base", "openai"),
    }


def test_a_function_has_five_layers_at_most_so_the_smallest_join_the_base() -> None:
    names = [f"provider-{number}" for number in range(6)]
    kept = [keep(name, providers=(name,)) for name in names]
    found = plan_layers(kept, names, {canonicalize_name(name): number for number, name in enumerate(names)})
    assert found.names == ("base", *names[2:])
    assert found.functions[names[0]] == ("base",)
