"""Requirements files are read as pip reads them; an error names file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from minreq.errors import PipSettingInvalid, RequirementsUnreadable
from minreq.requirements import FileOption, RequirementsFile, constraint_path, read_constraints, read_requirements


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
    --hash=sha256:aaaa \\
    --hash=sha256:bbbb
d \\
# a comment ends what is continued
e
""",
    )
    assert with_lines(read_requirements(path, {})) == [
        ("a>=1", 2),
        ('b[x,y]; python_version >= "3.8"', 3),
        ("c==1.0", 6),
        ("d", 9),
        ("e", 11),
    ]


def test_origin_and_place(tmp_path: Path) -> None:
    """A requirement has the option and the file that it comes from."""
    (stated,) = read_requirements(write(tmp_path, main="\na"), {}).requirements
    assert stated.origin == f"-r {tmp_path / 'main.txt'}"
    assert stated.place == f"-r {tmp_path / 'main.txt'} (line 2)"


def test_variables(tmp_path: Path) -> None:
    """Only ${UPPER_CASE} is a variable, and one that is not set stays as it is."""
    path = write(tmp_path, main="a==${VERSION}\n--extra-index-url https://${USER}:${TOKEN}@index.example/simple")
    read = read_requirements(path, {"VERSION": "1.5", "USER": "me", "TOKEN": ""})
    assert with_lines(read) == [("a==1.5", 1)]
    assert read.options[0].value == "https://me:${TOKEN}@index.example/simple"


def test_nested_files(tmp_path: Path) -> None:
    """-r and -c are relative to the file that has them; a constraints file includes constraints only."""
    (tmp_path / "sub").mkdir()
    main = write(tmp_path, main="-r sub/more.txt\n--constraint=sub/limits.txt\na")
    write(tmp_path / "sub", more="b\n-rlast.txt", last="c", limits="d<2\n-r last.txt")
    read = read_requirements(main, {})
    assert with_lines(read) == [("b", 1), ("c", 1), ("a", 3)]
    assert [str(stated.requirement) for stated in read.constraints] == ["d<2", "c"]
    assert read.constraints[0].origin == f"-c {tmp_path / 'sub' / 'limits.txt'}"


def test_nested_file_url(tmp_path: Path) -> None:
    """A file: URL names a file of this machine."""
    write(tmp_path, more="b")
    main = write(tmp_path, main=f"-r {(tmp_path / 'more.txt').as_uri()}")
    assert with_lines(read_requirements(main, {})) == [("b", 1)]


def test_options_are_left_to_the_caller(tmp_path: Path) -> None:
    """Options for indexes and formats are returned by long name, file and line; --require-hashes is not."""
    (tmp_path / "links").mkdir()
    path = write(
        tmp_path, main="-i https://index.example/simple --no-index\n-f links -f more\n--no-binary=a --require-hashes"
    )
    origin = f"-r {path}"
    assert read_requirements(path, {}).options == (
        FileOption(name="--index-url", value="https://index.example/simple", origin=origin, line=1),
        FileOption(name="--no-index", value=None, origin=origin, line=1),
        # As in pip: beside the file, if there.
        FileOption(name="--find-links", value=str(tmp_path / "links"), origin=origin, line=2),
        FileOption(name="--find-links", value="more", origin=origin, line=2),
        FileOption(name="--no-binary", value="a", origin=origin, line=3),
    )


@pytest.mark.parametrize("option", ["--pre", "--prefer-binary", "--use-feature=x"])
def test_other_options_are_refused_by_name(tmp_path: Path, option: str) -> None:
    """An option that would change the resolution must not be ignored."""
    path = write(tmp_path, main=f"a\n{option}")
    with pytest.raises(RequirementsUnreadable, match=rf"main.txt, line 2: {option.partition('=')[0]} ") as caught:
        read_requirements(path, {})
    assert caught.value.line == 2


def test_files_of_the_configuration(tmp_path: Path) -> None:
    """A constraint file may be named by path or URL, if it is on this machine."""
    assert constraint_path((tmp_path / "c.txt").as_uri()) == tmp_path / "c.txt"
    assert constraint_path("c.txt") == Path("c.txt")
    with pytest.raises(PipSettingInvalid, match=r"https://index\.example/c\.txt.*; download it and name that"):
        constraint_path("https://index.example/c.txt")


def test_declared_encoding(tmp_path: Path) -> None:
    """A coding comment or a byte order mark says how to read the file."""
    path = tmp_path / "latin.txt"
    path.write_bytes("# -*- coding: latin-1 -*-\na # für alle\n".encode("latin-1"))
    assert with_lines(read_requirements(path, {})) == [("a", 2)]
    path.write_bytes(b"\xef\xbb\xbfb\n")
    assert with_lines(read_requirements(path, {})) == [("b", 1)]


def test_empty_file(tmp_path: Path) -> None:
    """An empty file is allowed."""
    assert read_requirements(write(tmp_path, main="\n# nothing\n"), {}) == RequirementsFile()


def test_constraints(tmp_path: Path) -> None:
    """A file of -c read for itself."""
    path = write(tmp_path, main="a<2\nb==1.0")
    assert [(str(s.requirement), s.line) for s in read_constraints(path, {})] == [("a<2", 1), ("b==1.0", 2)]


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a\nb>=", 2, "'b>=' is no requirement: "),
        ("a b", 1, "'a b' is no requirement: "),
        ("\n./folder", 2, "'./folder' is a path or URL, which has no version to lock; use --find-links"),
        ("a-1.0-py3-none-any.whl", 1, "'a-1.0-py3-none-any.whl' is a file, which has no version to lock"),
        ("https://example.org/a-1.0.tar.gz", 1, "is a path or URL"),
        ("a @ https://example.org/a-1.0.tar.gz", 1, "is a URL, which has no version to lock"),
        ("-e .", 1, "'-e .' is editable and has no released version to lock; build a wheel for --find-links"),
        ("--unheard-of x", 1, "unrecognized arguments: --unheard-of x"),
        ("-r", 1, "expected one argument"),
        ("-i 'open", 1, "No closing quotation"),
        ("-r https://example.org/r.txt", 1, "is not on this machine; download it and name the file"),
    ],
)
def test_errors_name_file_and_line(text: str, line: int, problem: str, tmp_path: Path) -> None:
    """Every error has its line."""
    path = write(tmp_path, main=text)
    with pytest.raises(RequirementsUnreadable) as caught:
        read_requirements(path, {})
    assert (caught.value.path, caught.value.line) == (path, line)
    assert problem in caught.value.problem
    assert str(caught.value).startswith(f"{path}, line {line}: ")


def test_an_error_in_an_included_file_names_that_file(tmp_path: Path) -> None:
    """Not the file that led there."""
    main = write(tmp_path, main="-r more.txt", more="\n\n!")
    with pytest.raises(RequirementsUnreadable) as caught:
        read_requirements(main, {})
    assert (caught.value.path.name, caught.value.line) == ("more.txt", 3)


def test_constraint_with_extras(tmp_path: Path) -> None:
    """As in pip, an extra in a constraint is an error."""
    with pytest.raises(RequirementsUnreadable, match="a constraint has no extras"):
        read_constraints(write(tmp_path, main="a[x]<2"), {})


def test_files_that_include_each_other(tmp_path: Path) -> None:
    """A circle raises instead of running for ever."""
    main = write(tmp_path, main="-r more.txt", more="-r main.txt")
    with pytest.raises(RequirementsUnreadable, match=r"more.txt: names .*main.txt, which leads back to it"):
        read_requirements(main, {})


def test_missing_and_binary_files(tmp_path: Path) -> None:
    """An error of the whole file has no line."""
    with pytest.raises(RequirementsUnreadable, match=r"there is no such file$") as caught:
        read_requirements(tmp_path / "missing.txt", {})
    assert caught.value.line is None
    write(tmp_path, main="")
    with pytest.raises(RequirementsUnreadable, match=r"there is no such file; did you mean .*main\.txt\?"):
        read_requirements(tmp_path / "mian.txt", {})
    with pytest.raises(RequirementsUnreadable, match=r"there is no such file$"):
        read_requirements(tmp_path / "nowhere" / "main.txt", {})
    with pytest.raises(RequirementsUnreadable, match="directory"):
        read_requirements(tmp_path, {})
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RequirementsUnreadable, match="it is no text"):
        read_requirements(tmp_path / "binary.txt", {})
