"""Whether an import is optional, by the source around it: a case for each rule."""

from __future__ import annotations

import ast
import gc
import re
import tempfile
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, strategies as st

from minreq.guard import minreq_guard
from minreq.model import Frame, Question, QuestionKind
from minreq.source.optionalimports import (
    Block,
    blocks_around,
    find_blocks,
    find_optional_reason,
    frames_of_import,
    lambda_lines,
    read_blocks,
)

#: Stands in the sources below for the import.
HERE = "import needed"


def line_of(source: str) -> int:
    (line,) = (number for number, text in enumerate(source.splitlines(), start=1) if HERE in text)
    return line


def question(*sources: str, functions: tuple[str, ...] = (), need: QuestionKind = QuestionKind.IMPORT) -> Question:
    """A question for the import at the last `HERE` of the first source, whose file the other sources import."""
    frames = tuple(
        Frame(file=f"{number}.py", line=line_of(source), function=function)
        for number, (source, function) in enumerate(
            zip(sources, (*functions, *["<module>"] * len(sources))[: len(sources)], strict=True)
        )
    )
    return Question(need=need, name="needed", frames=frames, stage="import")


def why(*sources: str, functions: tuple[str, ...] = (), need: QuestionKind = QuestionKind.IMPORT) -> str | None:
    sources = tuple(map(dedent, sources))
    found = {f"{number}.py": blocks_of(source) for number, source in enumerate(sources)}
    asked = question(*sources, functions=functions, need=need)
    reason = find_optional_reason(asked, blocks_of=lambda file, _line: found[file])
    if need in {QuestionKind.IMPORT, QuestionKind.METADATA}:
        assert is_handled_in_production(asked, sources) is (reason is not None)
    return reason


def is_handled_in_production(asked: Question, sources: tuple[str, ...]) -> bool | None:
    """What the guard says, which has the same rule and no other module."""
    with tempfile.TemporaryDirectory() as folder:
        for number, source in enumerate(sources):
            Path(folder, f"{number}.py").write_text(source)
        frames = [
            (
                f"{folder}/{each.file}",
                each.line,
                each.function != "<module>" and not each.function.startswith("<class "),
            )
            for each in asked.frames
        ]
        errors = {"PackageNotFoundError"} if asked.need is QuestionKind.METADATA else frozenset[str]()
        return minreq_guard.is_handled(frames, minreq_guard.IMPORT_ERRORS | errors)


def blocks_of(source: str) -> tuple[Block, ...]:
    return find_blocks(ast.parse(source), lambda_lines(source.encode()))


def handled(clause: str, body: str = "pass") -> str:
    return f"try:\n    {HERE}\n{clause}\n    {body}\n"


@pytest.mark.parametrize(
    "clause",
    [
        "except ImportError:",
        "except ModuleNotFoundError:",
        "except Exception:",
        "except BaseException:",
        "except:",
        "except (OSError, ImportError):",
        "except (OSError, (ValueError, ImportError)):",
        "except builtins.ImportError:",
        "except ImportError as error:",
    ],
)
def test_handler_of_a_missing_module(clause: str) -> None:
    """Whatever catches ModuleNotFoundError makes the import optional, and is named with its line."""
    said = clause.removesuffix(":").removesuffix(" as error")
    assert why(handled(clause)) == f"{said} at 0.py:3"


@pytest.mark.parametrize(
    "clause",
    ["except SyntaxError:", "except (OSError, ValueError):", "except AttributeError:", "except ERRORS[0]:"],
)
def test_handler_of_something_else(clause: str) -> None:
    """A handler of other errors does not make an import optional."""
    assert why(handled(clause)) is None


def test_package_not_found_is_for_metadata_alone() -> None:
    """Look-ups of metadata raise PackageNotFoundError, imports do not."""
    source = handled("except metadata.PackageNotFoundError:")
    assert why(source) is None
    assert why(source, need=QuestionKind.METADATA) == "except metadata.PackageNotFoundError at 0.py:3"
    assert why(handled("except ImportError:"), need=QuestionKind.METADATA) == "except ImportError at 0.py:3"


@pytest.mark.parametrize(
    ("body", "optional"),
    [
        ("raise", False),
        ("raise RuntimeError('install it') from None", False),
        ("needed = None", True),
        ("if strict: raise", True),
    ],
)
def test_handler_that_raises(body: str, optional: bool) -> None:  # noqa: FBT001 - A parameter of pytest.
    """A handler that always raises does not make an import optional; one that may raise does."""
    assert (why(handled("except ImportError as error:", body)) is not None) is optional


def test_first_clause_that_catches_decides() -> None:
    """Python runs the first clause that fits, so a broader one after it does not count."""
    assert why(handled("except ImportError:\n    raise\nexcept Exception:")) is None
    assert why(handled("except ValueError:\n    raise\nexcept Exception:")) == "except Exception at 0.py:5"


@pytest.mark.parametrize(
    "source",
    [
        f"try:\n    pass\nexcept ImportError:\n    {HERE}\n",
        f"try:\n    pass\nexcept ImportError:\n    pass\nelse:\n    {HERE}\n",
        f"try:\n    pass\nexcept ImportError:\n    pass\nfinally:\n    {HERE}\n",
        f"try:\n    pass\nexcept ImportError:\n    pass\n{HERE}\n",
        f"try:\n    {HERE}\nfinally:\n    pass\n",
        f"{HERE}\n",
    ],
    ids=["handler", "else", "finally", "after", "try-finally", "alone"],
)
def test_only_the_body_of_try_is_guarded(source: str) -> None:
    """A clause catches nothing in itself, in ``else``, in ``finally``, or after the ``try``."""
    assert why(source) is None


def test_innermost_handler_is_named() -> None:
    """Of two handlers that catch, the inner one was written for the import."""
    source = f"""\
        try:
            try:
                {HERE}
            except ImportError:
                pass
        except Exception:
            pass
        """
    assert why(source) == "except ImportError at 0.py:4"


def test_outer_handler_counts_where_the_inner_raises() -> None:
    """The outer handler catches what the inner one raises."""
    source = f"""\
        try:
            try:
                {HERE}
            except ImportError:
                raise
        except Exception:
            pass
        """
    assert why(source) == "except Exception at 0.py:6"


@pytest.mark.parametrize(
    ("context", "said"),
    [
        ("contextlib.suppress(ImportError)", "contextlib.suppress(ImportError)"),
        ("suppress(OSError, ModuleNotFoundError)", "suppress(OSError, ModuleNotFoundError)"),
        ("open('x') as file, suppress(ImportError)", "suppress(ImportError)"),
        ("suppress(OSError)", None),
        ("lock", None),
        ("timer(ImportError)", None),
    ],
)
def test_suppress(context: str, said: str | None) -> None:
    """``contextlib.suppress`` is a handler; no other context manager is known to be one."""
    found = why(f"with {context}:\n    {HERE}\n")
    assert found == (None if said is None else f"{said} at 0.py:1")


def test_an_expression_that_is_too_deep_to_unparse() -> None:
    """The parser of Python may accept deeper nesting than `ast.unparse`."""
    deep = "a." * 500 + "b"
    assert why(handled(f"except (ImportError, {deep}):")) == "except ... at 0.py:3"
    assert why(f"with suppress(ImportError, {deep}):\n    {HERE}\n") == "... at 0.py:1"


def test_suppress_of_a_coroutine() -> None:
    """``async with`` counts as ``with`` does."""
    source = f"""\
        async def load():
            async with suppress(ImportError):
                {HERE}
        """
    assert why(source, functions=("load",)) == "suppress(ImportError) at 0.py:2"


def test_probe() -> None:
    """A program that calls ``find_spec`` handles the answer that there is no such module."""
    assert why(HERE, need=QuestionKind.PROBE) == "a probe with find_spec"


@pytest.mark.parametrize("kind", ["def load():", "async def load():"])
def test_handler_outside_the_function_of_the_import(kind: str) -> None:
    """The function is defined in the ``try``, and called somewhere else."""
    source = f"try:\n    {kind}\n        {HERE}\nexcept ImportError:\n    pass\n"
    assert why(source, functions=("load",)) is None


def test_handler_within_the_function_of_the_import() -> None:
    """The handler of the function itself catches."""
    source = f"def load():\n    try:\n        {HERE}\n    except ImportError:\n        pass\n"
    assert why(source, functions=("load",)) == "except ImportError at 0.py:4"


def test_handler_of_the_caller_decides_nothing() -> None:
    """The first function frame ends the search: litellm wraps every call in ``except Exception``."""
    inner = f"def load():\n    {HERE}\n"
    caller = handled("except Exception:")
    assert why(inner, caller, functions=("load", "call")) is None


def test_handler_around_the_import_of_the_importing_module() -> None:
    """A module frame is no function frame: a handler around the import of a module covers its imports."""
    assert why(HERE, HERE, handled("except ImportError:")) == "except ImportError at 2.py:3"


def test_first_function_frame_counts_itself() -> None:
    """A handler in the function that imports the module still counts."""
    function = f"def load():\n    try:\n        {HERE}\n    except ImportError:\n        return None\n"
    assert why(HERE, function, functions=("<module>", "load")) == "except ImportError at 1.py:4"


def test_class_bodies_run_with_their_module() -> None:
    """A class body is no function: the search goes on."""
    source = f"""\
        try:
            class Settings:
                {HERE}
        except ImportError:
            pass
        """
    assert why(source, functions=("<class Settings>",)) == "except ImportError at 0.py:4"


def test_no_source() -> None:
    """Code without source has no known handlers."""
    asked = question(HERE)
    assert find_optional_reason(asked, blocks_of=lambda _file, _line: None) is None


def test_no_frames() -> None:
    """A question of minreq itself has no frames, and is not optional."""
    asked = Question(need=QuestionKind.IMPORT, name="needed", frames=(), stage="import")
    assert find_optional_reason(asked) is None


def test_except_star() -> None:
    """``except*`` (PEP 654) catches as ``except`` does, where Python has it."""
    if not hasattr(ast, "TryStar"):
        pytest.skip("this Python has no except*")
    assert why(handled("except* ImportError:")) == "except ImportError at 0.py:3"


@pytest.mark.parametrize(
    ("content", "readable"),
    [
        (b"import a\n", True),
        ("# coding: latin-1\n# caf\xe9\nimport a\n".encode("latin-1"), True),
        (b"def\n", False),
        (b"# coding: nonsense\n", False),
        (b"\xff\xfe\n", False),
        (b"a = 1\x00\n", False),
        (b"a = " + b"-" * 9999 + b"1\n", False),
    ],
    ids=["plain", "declared-encoding", "syntax-error", "unknown-encoding", "not-text", "null-byte", "too-deep"],
)
def test_read_blocks(content: bytes, readable: bool, tmp_path: Path) -> None:  # noqa: FBT001 - A parameter of pytest.
    """A file is read in the encoding it declares; a file that is no Python has no blocks."""
    file = tmp_path / "module.py"
    file.write_bytes(content)
    assert (read_blocks(str(file)) is not None) is readable


def test_read_blocks_of_no_file(tmp_path: Path) -> None:
    """``<string>`` and the like are no files."""
    assert read_blocks(str(tmp_path / "nothing.py")) is None


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import needed\n", ()),
        ("from needed import (  # {}\n    a)\n", None),
        ("from .needed import (  # all\n    a)\n", ()),
        ("import os\r\nfrom . import needed\r\n", ()),
        ("import os\rimport needed\r", None),
        ("try: import needed\nexcept ImportError: pass\n", None),
        ("try: \\\nimport needed\nexcept ImportError: pass\n", None),
        ("try: \\\r\nimport needed\r\nexcept ImportError: pass\r\n", None),
        ("try:\n    import needed\nexcept ImportError:\n    pass\n", None),
        ('try:\n    f"""\nimport needed {found(\'needed\')}"""\nexcept ImportError:\n    pass\n', None),
        ('try:\n    """\nimport needed""".join(found())\nexcept ImportError:\n    pass\n', None),
        ("import os; import needed\n", None),
    ],
)
def test_an_import_at_the_left_margin_needs_no_parser(
    source: str, expected: tuple[Block, ...] | None, tmp_path: Path
) -> None:
    """No block is around it. Every other file is parsed."""
    file = tmp_path / "module.py"
    file.write_bytes(source.encode())
    line = next(number for number, text in enumerate(re.split("\r\n|\r|\n", source), 1) if "needed" in text)
    assert blocks_around(str(file), line) == (read_blocks(str(file)) if expected is None else expected)
    assert read_blocks(str(file)) == blocks_of(source)
    assert blocks_around(str(file), line + 9) == blocks_of(source)


def test_no_tree_is_kept(tmp_path: Path) -> None:
    """A lock reads some hundred files. Their trees would take several hundred megabytes."""
    file = tmp_path / "module.py"
    file.write_text("try:\n    import a\nexcept (ImportError, OSError):\n    pass\nclass Own:\n    b = 1\n")
    gc.collect()
    before = sum(isinstance(each, ast.AST) for each in gc.get_objects())
    (block,) = read_blocks(str(file)) or ()
    gc.collect()
    assert sum(isinstance(each, ast.AST) for each in gc.get_objects()) == before
    assert (block.lines, block.guarded) == (range(1, 5), range(2, 3))
    assert [clause.text for clause in block.clauses] == ["except (ImportError, OSError)"]
    assert read_blocks(str(file)) is read_blocks(str(file))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "try:\n    f = (lambda: found(\n        'import needed'\n    ))\nexcept ImportError:\n    pass\n",
            None,
        ),
        (
            "try:\n    f = (found(  # no lambda\n        'import needed'\n    ))\nexcept ImportError:\n    pass\n",
            "except ImportError at 0.py:5",
        ),
        (
            "try:\n    f = (found(\n        'import needed'\n    ))\nexcept ImportError:\n    pass\n",
            "except ImportError at 0.py:5",
        ),
        (
            "with suppress(ImportError), suppress(Exception), open('a'):\n    import needed\n",
            "suppress(Exception) at 0.py:1",
        ),
        ("with open('a'), suppress(ImportError):\n    import needed\n", "suppress(ImportError) at 0.py:1"),
    ],
    ids=["in-a-lambda", "the-word-alone", "no-lambda", "several-suppress", "one-suppress"],
)
def test_the_handler_around_a_line(source: str, expected: str | None) -> None:
    """A lambda is a function, and of several ``suppress`` items the last one catches."""
    assert why(source) == expected


FUNCTIONS = st.sampled_from(["<module>", "<class A>", "load", "<lambda>", "<listcomp>"])


@given(st.lists(FUNCTIONS, max_size=8))
def test_frames_of_import_end_at_the_first_function(functions: list[str]) -> None:
    """All frames but the last are of modules or classes. The frames outside of the first function are left out."""
    frames = [Frame(file="a.py", line=line, function=function) for line, function in enumerate(functions)]
    found = list(frames_of_import(frames))
    assert found == frames[: len(found)]
    in_functions = [frame for frame in found if not frame.function.startswith(("<module>", "<class "))]
    assert in_functions in ([], found[-1:])
    assert len(found) == len(frames) or in_functions


def test_an_outer_handler_may_catch_what_an_inner_one_raises() -> None:
    inner = handled("except ImportError:", "raise DidNotEnable('needed is not installed')")
    outer = f"def enable():\n    try:\n        {HERE}\n    except (DidNotEnable, SyntaxError):\n        pass\n"
    other = f"def enable():\n    try:\n        {HERE}\n    except SyntaxError:\n        pass\n"
    assert why(inner, outer, functions=("<module>", "enable")) == "except (DidNotEnable, SyntaxError) at 1.py:4"
    assert why(inner, other, functions=("<module>", "enable")) is None
    within = f"def set_up():\n    try:\n        {HERE}\n    except ImportError:\n        raise DidNotEnable\n"
    broad = f"def enable():\n    try:\n        {HERE}\n    except Exception:\n        pass\n"
    assert why(within, outer, functions=("set_up", "enable")) == "except (DidNotEnable, SyntaxError) at 1.py:4"
    assert why(within, broad, functions=("set_up", "enable")) is None
