"""The call that serves cold files is inserted where it changes nothing else."""

from __future__ import annotations

import ast

import pytest

from minreq.analyze.kinds import COLD_CALL
from minreq.build.slim.servecall import insert_call


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("", f"{COLD_CALL}\n"),
        ("# only a comment", f"# only a comment\n{COLD_CALL}\n"),
        ("import a\n", f"{COLD_CALL}; import a\n"),
        ('"""Doc."""\nimport a\n', f'"""Doc."""; {COLD_CALL}\nimport a\n'),
        ('"""Doc.\n\nä."""  # more\nimport a\n', f'"""Doc.\n\nä."""; {COLD_CALL}  # more\nimport a\n'),
        ("'ä'; import a", f"'ä'; {COLD_CALL}; import a"),
        (
            '"""Doc."""\nfrom __future__ import (\n    annotations,\n)\nimport a\n',
            f'"""Doc."""\nfrom __future__ import (\n    annotations,\n); {COLD_CALL}\nimport a\n',
        ),
        (
            "#!/bin/sh\n\ntry:\n    import a\nfinally:\n    pass\n",
            f"#!/bin/sh\n{COLD_CALL}\ntry:\n    import a\nfinally:\n    pass\n",
        ),
        ("# 1\n# 2\n# 3\n@a\ndef f(): ...\n", f"# 1\n# 2\n{COLD_CALL}  # 3\n@a\ndef f(): ...\n"),
        ("if a:\n    b\n", f"{COLD_CALL}\nif a:\n    b\n"),
        ("import a\r\nb = 1\r\n", f"{COLD_CALL}; import a\r\nb = 1\r\n"),
        ("x = '''\n''' + \"\\\n\"\n", f"{COLD_CALL}; x = '''\n''' + \"\\\n\"\n"),
    ],
)
def test_the_call_comes_first_and_no_line_moves(source: str, changed: str) -> None:
    found = insert_call(source.encode())
    assert found is not None
    assert found.decode() == changed
    ast.parse(found)


@pytest.mark.parametrize(
    "source", [b"\xef\xbb\xbfimport a", b"# coding: latin-1\nx = '\xe4'", b"{% template %}", b"\0"]
)
def test_what_is_no_plain_python_is_left_as_it_is(source: bytes) -> None:
    assert insert_call(source) is None
