"""Requirements files are read as pip reads them; an error names file and line."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from pathlib import Path

import pytest
from platforms import linux

from minreq.errors import RequirementsUnreadable
from minreq.requirements import Fetched, FileOption, RequirementsFile, RequirementsReader

LINUX = linux().markers
SHA256 = f"sha256:{'a' * 64}"


def fetch_nothing(url: str) -> Fetched:
    raise AssertionError(url)


def read(path: Path | str, environ: Mapping[str, str] | None = None, *, constraint: bool = False) -> RequirementsFile:
    reader = RequirementsReader(environ=environ or {}, environments=[LINUX], fetch=fetch_nothing)
    return reader.read(path, constraint=constraint)


def write(folder: Path, **files: str) -> Path:
    """Write files named by their stems; the first is returned."""
    for stem, text in files.items():
        (folder / f"{stem}.txt").write_text(text, encoding="utf-8")
    return folder / f"{next(iter(files))}.txt"


def with_lines(requirements: RequirementsFile) -> list[tuple[str, int | None]]:
    return [(str(stated.requirement), stated.line) for stated in requirements.requirements]


def test_requirements_comments_and_continued_lines(tmp_path: Path) -> None:
    """Each requirement has the number of its first line."""
    path = write(
        tmp_path,
        main="""# a file
a>=1  # the floor
b[x,y] ; python_version \\
    >= '3.8'

c==1.0 \\
    --hash=sha256:UPPER \\
    --hash=sha256:LOWER
d \\
# a comment ends what is continued
e
""".replace("UPPER", "A" * 64).replace("LOWER", "b" * 64),
    )
    content = read(path)
    assert with_lines(content) == [
        ("a>=1", 2),
        ('b[x,y]; python_version >= "3.8"', 3),
        ("c==1.0", 6),
        ("d", 9),
        ("e", 11),
    ]
    assert content.requirements[2].hashes == {SHA256, f"sha256:{'b' * 64}"}
    assert content.has_hashes


def test_origin_and_place(tmp_path: Path) -> None:
    """A requirement has the option and the file that it comes from."""
    (stated,) = read(write(tmp_path, main="\na")).requirements
    assert stated.origin == f"-r {tmp_path / 'main.txt'}"
    assert stated.place == f"-r {tmp_path / 'main.txt'} (line 2)"


def test_variables(tmp_path: Path) -> None:
    """Only ${UPPER_CASE} is a variable, and one that is not set stays as it is."""
    path = write(tmp_path, main="a==${VERSION}\n--extra-index-url https://${USER}:${TOKEN}@index.example/simple")
    content = read(path, {"VERSION": "1.5", "USER": "me", "TOKEN": ""})
    assert with_lines(content) == [("a==1.5", 1)]
    assert content.options[0].value == "https://me:${TOKEN}@index.example/simple"


def test_nested_files(tmp_path: Path) -> None:
    """-r and -c are relative to the file that has them; -r in a constraints file adds requirements."""
    (tmp_path / "sub").mkdir()
    main = write(tmp_path, main="-r sub/more.txt\n--constraint=sub/limits.txt\na")
    write(tmp_path / "sub", more="b\n-rlast.txt", last="c", limits="d<2\n-r last.txt")
    content = read(main)
    assert with_lines(content) == [("b", 1), ("c", 1), ("c", 1), ("a", 3)]
    assert [str(stated.requirement) for stated in content.constraints] == ["d<2"]
    assert content.constraints[0].origin == f"-c {tmp_path / 'sub' / 'limits.txt'}"


def test_nested_file_url(tmp_path: Path) -> None:
    """A file: URL names a file of this machine."""
    write(tmp_path, more="b")
    main = write(tmp_path, main=f"-r {(tmp_path / 'more.txt').as_uri()}")
    assert with_lines(read(main)) == [("b", 1)]


def test_options_are_left_to_the_caller(tmp_path: Path) -> None:
    """Options for indexes and formats are returned by long name, file and line."""
    (tmp_path / "links").mkdir()
    path = write(
        tmp_path, main="-i https://index.example/simple --no-index\n-f links -f more\n--no-binary=a --require-hashes"
    )
    origin = f"-r {path}"
    assert read(path).options == (
        FileOption(name="--index-url", value="https://index.example/simple", origin=origin, line=1),
        FileOption(name="--no-index", value=None, origin=origin, line=1),
        # As in pip: beside the file, if there.
        FileOption(name="--find-links", value=str(tmp_path / "links"), origin=origin, line=2),
        FileOption(name="--find-links", value="more", origin=origin, line=2),
        FileOption(name="--no-binary", value="a", origin=origin, line=3),
        FileOption(name="--require-hashes", value=None, origin=origin, line=3),
    )


@pytest.mark.parametrize(
    ("line", "note"),
    [
        ("--use-feature=x", "--use-feature has no effect: it concerns pip itself"),
        (f"--hash={SHA256}", "--hash has no effect: the line has no requirement"),
        ("a --pre", "--pre has no effect: as in pip, it needs a line of its own"),
        ("a --config-settings=x=y", "--config-settings has no effect: a lock has no place for settings of a build, so"),
        ("a --global-option=x", "--global-option has no effect: a lock has no place for options of a build, so"),
        ("-e ./folder", "-e ./folder is a project in development, which has no release to lock; to lock what it"),
        ("--pre ; python_version < '3'", "; python_version < 3 has no effect, as in pip: it follows an option"),
    ],
)
def test_options_without_effect_are_notes(tmp_path: Path, line: str, note: str) -> None:
    """They do not stop a lock, since they do not stop pip."""
    content = read(write(tmp_path, main=f"\n{line}"))
    assert content.notes[0].startswith(f"-r {tmp_path / 'main.txt'} (line 2): {note}")


def test_options_of_releases_are_left_to_the_caller(tmp_path: Path) -> None:
    """In their order: the later has precedence."""
    content = read(write(tmp_path, main="--pre --all-releases a\n--only-final=b --prefer-binary"))
    assert [(each.name, each.value) for each in content.options] == [
        ("--pre", None),
        ("--all-releases", "a"),
        ("--only-final", "b"),
        ("--prefer-binary", None),
    ]
    assert content.notes == ()


def test_options_of_a_constraints_file(tmp_path: Path) -> None:
    content = read(write(tmp_path, main="--extra-index-url https://index.example/simple\na<2"), constraint=True)
    assert [each.name for each in content.options] == ["--extra-index-url"]


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_byte_order_marks(tmp_path: Path, mark: bytes, encoding: str) -> None:
    """PowerShell writes UTF-16 with a mark."""
    path = tmp_path / "frozen.txt"
    path.write_bytes(mark + "a==1.0\r\nb==2.0 # für alle\r\n".encode(encoding))
    assert with_lines(read(path)) == [("a==1.0", 1), ("b==2.0", 2)]


def test_declared_encoding(tmp_path: Path) -> None:
    """A coding comment in one of the first two lines says how to read the file."""
    path = tmp_path / "latin.txt"
    path.write_bytes("# -*- coding: latin-1 -*-\na # für alle\n".encode("latin-1"))
    assert with_lines(read(path)) == [("a", 2)]
    path.write_bytes(b"a\n# vim: set fileencoding=latin-1 :\nb # \xfc\n")
    assert with_lines(read(path)) == [("a", 1), ("b", 3)]


def test_empty_file(tmp_path: Path) -> None:
    """An empty file is allowed."""
    assert read(write(tmp_path, main="\n# nothing\n")) == RequirementsFile()


def test_constraints(tmp_path: Path) -> None:
    """A file of -c read for itself."""
    path = write(tmp_path, main="a<2\nb==1.0")
    assert [(str(s.requirement), s.line) for s in read(path, constraint=True).constraints] == [
        ("a<2", 1),
        ("b==1.0", 2),
    ]


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a\nb>=", 2, "'b>=' is no requirement: "),
        ("a b", 1, "'a b' is no requirement: "),
        ("\n./folder", 2, "'./folder' is a path or URL, which has no version to lock; use --find-links"),
        ("a-1.0-py3-none-any.whl", 1, "'a-1.0-py3-none-any.whl' is a file, which has no version to lock"),
        ("https://example.org/a-1.0.tar.gz", 1, "is a path or URL"),
        ("a @ https://example.org/a-1.0.tar.gz", 1, "is a URL, which has no version to lock"),
        (".", 1, "'.' is a path or URL"),
        ("git+https://example.org/a ; python_version > '3'", 1, "'git+https://example.org/a' is a path or URL"),
        ("./folder ; python_version", 1, "is no requirement: Expected marker operator"),
        ("--unheard-of x", 1, "no such option: --unheard-of"),
        ("a --unheard-of", 1, "no such option: --unheard-of"),
        ("-r", 1, "-r option requires 1 argument"),
        ("-i 'open", 1, "No closing quotation"),
        ("a --hash=md5:aa", 1, "--hash=md5:aa: 'md5' is not accepted, as in pip; use sha256, sha384, sha512"),
        ("a --hash=sha256:aa", 1, "--hash=sha256:aa is damaged: sha256 has 64 hexadecimal digits"),
        ("a --hash=aa", 1, "--hash=aa names no algorithm; write --hash=sha256:DIGEST"),
        ("a ; python_version ~= 'x'", 1, "the marker 'python_version ~= \"x\"' cannot be evaluated: "),
        ("a ; 'x' in extras", 1, "the marker '\"x\" in extras' cannot be evaluated: "),
    ],
)
def test_errors_name_file_and_line(text: str, line: int, problem: str, tmp_path: Path) -> None:
    """Every error has its line."""
    path = write(tmp_path, main=text)
    with pytest.raises(RequirementsUnreadable) as caught:
        read(path)
    assert (caught.value.path, caught.value.line) == (str(path), line)
    assert problem in caught.value.problem
    assert str(caught.value).startswith(f"{path}, line {line}: ")


def test_an_error_in_an_included_file_names_that_file(tmp_path: Path) -> None:
    """Not the file that led there."""
    main = write(tmp_path, main="-r more.txt", more="\n\n!")
    with pytest.raises(RequirementsUnreadable) as caught:
        read(main)
    assert (Path(caught.value.path).name, caught.value.line) == ("more.txt", 3)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a[x]<2 ; python_version < '3'", "a constraint has no extras"),
        ("./folder", "a constraint needs the name of a project"),
        ("-e ./folder", "a constraint is not editable"),
    ],
)
def test_lines_that_are_no_constraints(tmp_path: Path, text: str, problem: str) -> None:
    """As in pip, they are errors whether they apply or not."""
    with pytest.raises(RequirementsUnreadable, match=problem):
        read(write(tmp_path, main=text), constraint=True)


def test_a_constraint_may_have_a_url(tmp_path: Path) -> None:
    """It counts only where the closure has the project, which the resolver knows."""
    (constraint,) = read(write(tmp_path, main="a @ https://example.org/a-1.0.zip"), constraint=True).constraints
    assert constraint.requirement.url == "https://example.org/a-1.0.zip"


def test_lines_that_do_not_apply_are_left_out(tmp_path: Path) -> None:
    """Also those that minreq could not lock; their hashes still mean hashes for all, as in pip."""
    path = write(
        tmp_path,
        main=f"""a ; sys_platform == 'win32'
b @ https://example.org/b-1.0.zip ; sys_platform == 'win32'
./folder ; sys_platform == 'win32'
https://example.org/c.zip ; sys_platform == 'win32'
d==1.0 ; sys_platform == 'win32' --hash={SHA256}
e ; sys_platform == 'linux'
f ; extra == 'x'
-c limits.txt
""",
        limits="e<2 ; python_version < '3'\ne<3 ; python_version > '3'",
    )
    content = read(path)
    assert with_lines(content) == [('e; sys_platform == "linux"', 6)]
    assert [str(each) for each in content.constraints] == ['e<3; python_version > "3"']
    assert content.has_hashes


def test_a_line_that_applies_on_one_of_two_platforms(tmp_path: Path) -> None:
    path = write(tmp_path, main="a ; platform_machine == 'aarch64'")
    arm = linux("arm", machine="aarch64").markers
    reader = RequirementsReader(environ={}, environments=[LINUX, arm], fetch=fetch_nothing)
    assert len(reader.read(path).requirements) == 1


@pytest.mark.parametrize("back", ["main.txt", "sub/../main.txt", "./sub/../sub/../main.txt", "linked/main.txt"])
def test_files_that_include_each_other(tmp_path: Path, back: str) -> None:
    """A circle raises instead of running for ever, by whatever path it comes back."""
    (tmp_path / "linked").symlink_to(tmp_path)
    main = write(tmp_path, main="-r more.txt", more=f"-c {back}")
    with pytest.raises(RequirementsUnreadable, match=r"more.txt: names .*main.txt, which leads back to it"):
        read(main)


def test_one_file_twice_is_no_circle(tmp_path: Path) -> None:
    assert with_lines(read(write(tmp_path, main="-r more.txt\n-r ./more.txt", more="a"))) == [("a", 1), ("a", 1)]


class Server:
    """Files by URL."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files

    def fetch(self, url: str) -> Fetched:
        return Fetched(url=url, content=self._files[url].encode())

    def read(self, url: str | Path) -> RequirementsFile:
        return RequirementsReader(environ={}, environments=[LINUX], fetch=self.fetch).read(url)


def test_a_url_names_a_file(tmp_path: Path) -> None:
    """What it includes is relative to it."""
    server = Server({"https://a.example/x/r.txt": "a\n-c ../c.txt", "https://a.example/c.txt": "a<2"})
    for content in (
        server.read("https://a.example/x/r.txt"),
        server.read(write(tmp_path, main="-r https://a.example/x/r.txt")),
    ):
        assert [each.place for each in content.requirements] == ["-r https://a.example/x/r.txt (line 1)"]
        assert [each.place for each in content.constraints] == ["-c https://a.example/c.txt (line 1)"]


def test_a_server_cannot_name_files_of_this_machine() -> None:
    server = Server({"https://a.example/r.txt": "-r file:///secret.txt"})
    with pytest.raises(RequirementsUnreadable, match=r"file:///secret\.txt is a file of this machine"):
        server.read("https://a.example/r.txt")


def test_a_server_cannot_invent_files_for_ever() -> None:
    class Endless(Server):
        def fetch(self, url: str) -> Fetched:
            return Fetched(url=url, content=f"-r {url}x".encode())

    with pytest.raises(RequirementsUnreadable, match="50 files lead to it"):
        Endless({}).read("https://a.example/r.txt")


LOCK_FILE = """
lock-version = "1.0"
created-by = "test"
extras = ["x"]
default-groups = ["main"]
[[packages]]
name = "a"
version = "1.0"
wheels = [{ name = "a-1.0-py3-none-any.whl", path = "a.whl", hashes = { sha256 = "HASH", md5 = "00" } }]
[[packages]]
name = "b"
version = "1.0"
marker = "sys_platform == 'win32' or 'x' in extras"
wheels = [{ name = "b-1.0-py3-none-any.whl", url = "https://a.example/b.whl", hashes = { sha256 = "HASH" } }]
[[packages]]
name = "c"
version = "1.0"
marker = "'main' in dependency_groups"
sdist = { name = "c-1.0.tar.gz", url = "https://a.example/c.tar.gz", hashes = { sha256 = "HASH" } }
""".replace("HASH", "A" * 64)


def test_lock_file(tmp_path: Path) -> None:
    """``pylock.toml`` names a version with its hashes for each package that applies."""
    path = tmp_path / "pylock.prod.toml"
    path.write_text(LOCK_FILE)
    content = read(path)
    assert [str(each) for each in content.requirements] == [f"a==1.0 --hash={SHA256}", f"c==1.0 --hash={SHA256}"]
    assert {each.place for each in content.requirements} == {f"-r {path}"}
    assert content.has_hashes


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("=", "it is no lock file: "),
        ("", "it is no lock file: Missing required value"),
        (LOCK_FILE.replace('"1.0"', '"2.0"', 1), "it is no lock file: "),
        (LOCK_FILE.replace("extras =", "requires-python = '<3'\nextras ="), "it is for Python <3, and this is 3.12.1"),
        (
            LOCK_FILE.replace("extras =", "environments = [\"sys_platform == 'win32'\"]\nextras ="),
            'it is for other platforms: sys_platform == "win32"',
        ),
        (
            f"{LOCK_FILE}[[packages]]\nname = 'd'\ndirectory = {{ path = '.' }}",
            "d is no release of an index, so it has no version to lock",
        ),
        (LOCK_FILE.replace("sha256", "md5", 1).replace(', md5 = "00"', ""), "--hash=md5:.*'md5' is not accepted"),
    ],
)
def test_lock_files_that_cannot_be_used(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "pylock.toml"
    path.write_text(text)
    with pytest.raises(RequirementsUnreadable, match=problem):
        read(path)


def test_missing_and_binary_files(tmp_path: Path) -> None:
    """An error of the whole file has no line."""
    with pytest.raises(RequirementsUnreadable, match=r"there is no such file$") as caught:
        read(tmp_path / "missing.txt")
    assert caught.value.line is None
    write(tmp_path, main="")
    with pytest.raises(RequirementsUnreadable, match=r"there is no such file; did you mean .*main\.txt\?"):
        read(tmp_path / "mian.txt")
    with pytest.raises(RequirementsUnreadable, match=r"there is no such file$"):
        read(tmp_path / "nowhere" / "main.txt")
    with pytest.raises(RequirementsUnreadable, match="directory"):
        read(tmp_path)
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RequirementsUnreadable, match="it is no text"):
        read(tmp_path / "binary.txt")
