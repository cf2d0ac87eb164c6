"""Requirements files that pip and minreq read: the cases in which they agree, and those in which they deviate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from packaging.version import Version

#: The index of all cases. `root` is the root of every lock; pip and minreq are compared in everything else.
INDEX = """
explanation = "The index of the cases."
requirements = ["root"]
[wheels]
root."1.0" = {}
a."1.0" = {}
a."2.0" = {}
a."3.0rc1" = {}
b."1.0" = { requires = ["a"] }
c."1.0" = { extras = { x = ["a"] } }
c."2.0" = { extras = { x = ["a"] }, requires = ["gone ; sys_platform == 'win32'"] }
newest-is-source."1.0" = {}
newest-is-source."2.0" = { sdist = true }
spelled."1.0" = {}
spelled."1.0.0" = {}
asks-missing-extra."1.0" = { requires = ["has-no-extra[gone]"] }
has-no-extra."1.0" = { requires = ["a ; extra == 'gone'"] }
"""

NEVER = "sys_platform == 'win32'"
ALWAYS = "python_version > '3'"
WRONG = "sha256:" + "0" * 64
#: ``@NAME-VERSION@`` is the SHA-256 of a file, ``@NAME-VERSION:url@`` its URL.
LINKS = '<a href="@root-1.0:url@">root</a> <a href="@a-1.0:url@">a</a>'
#: The root needs a hash where all do.
ROOT = "root==1.0 --hash=sha256:@root-1.0@\n"
A1 = "a==1.0 --hash=sha256:@a-1.0@\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A requirements file, with other files, and what differs from pip on purpose."""

    requirements: str | bytes
    #: The file of ``-c``.
    constraints: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    #: The first pip that does what is compared here.
    pip: str = "26.1"
    #: Why minreq does something else, as the documentation has it.
    deviation: str = ""
    #: With a deviation: what minreq locks beside the root; ``None``: it refuses.
    minreq: Mapping[str, str] | None = None

    @property
    def since(self) -> Version:
        return Version(self.pip)


MARKERS = {
    "marker-false": Case(requirements=f"a ; {NEVER}\nb"),
    "marker-false-and-nothing-else": Case(requirements=f"a ; {NEVER}"),
    "marker-true": Case(requirements=f"a ; {ALWAYS}"),
    "marker-for-an-extra": Case(requirements="a ; extra == 'x'\nc"),
    "marker-false-in-the-closure": Case(requirements=f"a<2 ; {NEVER}\nb"),
    "two-lines-for-two-pythons": Case(requirements="a<2 ; python_version < '3'\na>=2 ; python_version >= '3'"),
    "constraint-marker-false": Case(requirements="a", constraints=f"a<2 ; {NEVER}"),
    "constraint-marker-true": Case(requirements="a", constraints=f"a<2 ; {ALWAYS}"),
    "constraints-for-two-pythons": Case(
        requirements="b", constraints="a==1.0 ; python_version < '3'\na==2.0 ; python_version >= '3'"
    ),
    "constraint-of-the-configuration": Case(
        requirements="a", files={"c.txt": f"a<2 ; {ALWAYS}\na<1 ; {NEVER}"}, environment={"PIP_CONSTRAINT": "c.txt"}
    ),
    "constraint-on-nothing": Case(requirements="a", constraints="nowhere<2"),
    "constraint-twice": Case(requirements="a", constraints="a<3\na<2"),
    "constraint-impossible": Case(requirements="a", constraints="a<1"),
    "marker-that-cannot-be-evaluated": Case(requirements="a ; python_version ~= 'banana'"),
}

HASHES = {
    "hash-right": Case(requirements=ROOT + A1),
    "hash-of-two-files": Case(requirements=f"{ROOT}a==1.0 --hash={WRONG} --hash=sha256:@a-1.0@"),
    "hash-wrong": Case(requirements=f"{ROOT}a==1.0 --hash={WRONG}"),
    "hash-upper-case": Case(requirements=f"{ROOT}a==1.0 --hash=sha256:@A-1.0@"),
    "hash-chooses-the-version": Case(requirements=f"{ROOT}a>=1.0 --hash=sha256:@a-1.0@"),
    "hash-without-version": Case(requirements=f"{ROOT}a --hash=sha256:@a-1.0@"),
    "hash-of-another-version": Case(requirements=f"{ROOT}a==2.0 --hash=sha256:@a-1.0@"),
    "hash-on-a-continued-line": Case(requirements=f"{ROOT}a==1.0 \\\n  --hash=sha256:@a-1.0@ \\\n  --hash={WRONG}"),
    "hash-sha512": Case(requirements=f"{ROOT}a==1.0 --hash=sha512:@a-1.0:sha512@"),
    "hash-sha384": Case(requirements=f"{ROOT}a==1.0 --hash=sha384:@a-1.0:sha384@"),
    "hash-sha512-wrong": Case(requirements=f"{ROOT}a==1.0 --hash=sha512:{'0' * 128}"),
    "hash-md5": Case(requirements=f"{ROOT}a==1.0 --hash=md5:{'0' * 32}"),
    "hash-sha1": Case(requirements=f"{ROOT}a==1.0 --hash=sha1:{'0' * 40}"),
    "hash-damaged": Case(requirements=f"{ROOT}a==1.0 --hash=sha256:abc"),
    "hash-without-algorithm": Case(requirements=f"{ROOT}a==1.0 --hash={'0' * 64}"),
    "hash-missing-on-a-line": Case(requirements=f"{ROOT}{A1}c==1.0"),
    "hash-missing-in-the-closure": Case(requirements=f"{ROOT}b==1.0 --hash=sha256:@b-1.0@"),
    "hash-of-the-closure-in-a-line": Case(requirements=f"{ROOT}b==1.0 --hash=sha256:@b-1.0@\n{A1}"),
    "hash-of-the-closure-in-a-constraint": Case(requirements=f"{ROOT}b==1.0 --hash=sha256:@b-1.0@", constraints=A1),
    "hash-of-all-in-constraints": Case(requirements="root\na", constraints=f"{ROOT}a --hash=sha256:@a-1.0@"),
    "hash-in-a-constraint-alone": Case(requirements="root\na", constraints=A1),
    "hash-wrong-in-a-constraint": Case(requirements="root\na", constraints=f"{ROOT}a --hash={WRONG}"),
    "hash-on-a-line-that-does-not-apply": Case(requirements=f"root\nc ; {NEVER} --hash={WRONG}"),
    "hash-wrong-on-a-line-that-does-not-apply": Case(requirements=f"{ROOT}{A1}a ; {NEVER} --hash={WRONG}"),
    "require-hashes": Case(requirements="--require-hashes\nroot\na"),
    "no-require-hashes": Case(requirements=f"--no-require-hashes\n{A1}c"),
    "no-require-hashes-and-wrong": Case(requirements=f"--no-require-hashes\na==1.0 --hash={WRONG}"),
    "hash-without-requirement": Case(requirements=f"--hash={WRONG}\na"),
    "hash-of-an-sdist": Case(requirements=f"{ROOT}newest-is-source --hash=sha256:@newest_is_source-2.0@"),
}

OPTIONS = {
    "pre": Case(requirements="--pre\na"),
    "pre-on-the-line-of-a-requirement": Case(requirements="a --pre"),
    "pre-in-constraints": Case(requirements="a", constraints="--pre"),
    "pre-of-the-configuration": Case(requirements="a", environment={"PIP_PRE": "1"}),
    "pre-and-only-final-of-the-configuration": Case(
        requirements="a", environment={"PIP_PRE": "1", "PIP_ONLY_FINAL": "c"}
    ),
    "all-releases": Case(requirements="--all-releases a\na"),
    "all-releases-of-another": Case(requirements="--all-releases=c\na"),
    "all-releases-of-all-but": Case(requirements="--all-releases :all: --only-final a\na"),
    "only-final": Case(requirements="--only-final a\na>=1.0rc1"),
    "only-final-and-a-pinned-pre-release": Case(requirements="--only-final :all:\na==3.0rc1"),
    "pinned-pre-release": Case(requirements="a==3.0rc1"),
    "prefer-binary": Case(requirements="--prefer-binary\nnewest-is-source"),
    "prefer-binary-against-a-pin": Case(requirements="--prefer-binary\nnewest-is-source==2.0"),
    "only-binary": Case(requirements="--only-binary newest-is-source\nnewest-is-source"),
    "no-binary": Case(requirements="--no-binary :all:\na"),
    "use-feature": Case(requirements="--use-feature fast-deps\na"),
    "trusted-host": Case(requirements="--trusted-host index.example\na"),
    "config-settings": Case(requirements="a --config-settings=x=y"),
    "no-index": Case(requirements="--no-index\na"),
    "no-index-and-find-links": Case(
        requirements="--no-index\n-f links.html\na",
        files={"links.html": LINKS},
    ),
    "find-links-in-a-folder": Case(
        requirements="-r sub/more.txt",
        files={"sub/more.txt": "--no-index\n-f links.html\na", "sub/links.html": LINKS},
    ),
    "find-links-of-one-file": Case(requirements="--no-index\n-f @root-1.0:url@\n-f @a-1.0:url@\na"),
    "find-links-in-constraints": Case(
        requirements="a",
        constraints="--no-index\n-f links.html",
        files={"links.html": LINKS},
    ),
    "unknown-option": Case(requirements="--unheard-of\na"),
    "unknown-option-of-a-requirement": Case(requirements="a --unheard-of"),
    "option-without-value": Case(requirements="a\n-r"),
    "abbreviated-option": Case(requirements="--constr c.txt\na", files={"c.txt": "a<2"}),
    "words-after-an-option": Case(requirements=f"--pre ; {NEVER}\na"),
    "constraint-on-the-line-of-a-requirement": Case(requirements="a -c missing.txt"),
    "editable-without-folder": Case(
        requirements="-e ./missing\na",
        deviation="`-e` is never read: a project in development has no release to lock, so the line is a note.",
        minreq={"a": "2.0"},
    ),
    "use-feature-unknown": Case(
        requirements="--use-feature unheard-of\na",
        deviation="`--use-feature` is a note whatever its value: the next pip may know it.",
        minreq={"a": "2.0"},
    ),
    "global-option": Case(
        requirements="a --global-option=x",
        deviation="`--global-option` is a note: older releases of pip accept it, and it changes no version.",
        minreq={"a": "2.0"},
    ),
    "two-files-on-one-line": Case(
        requirements="-r more.txt -r last.txt",
        files={"more.txt": "a", "last.txt": "c"},
        deviation="All `-r` and `-c` of a line count, and its other options; pip takes the first and drops the others.",
        minreq={"a": "2.0", "c": "2.0"},
    ),
}

FILES = {
    "nested": Case(requirements="-r sub/more.txt", files={"sub/more.txt": "a\n-r last.txt", "sub/last.txt": "c"}),
    "nested-constraints": Case(requirements="a\n-c c.txt", files={"c.txt": "a<2"}),
    "requirements-in-constraints": Case(requirements="c", constraints="-r more.txt", files={"more.txt": "a"}),
    "constraints-in-constraints": Case(requirements="a", constraints="-c more.txt", files={"more.txt": "a<2"}),
    "circle": Case(requirements="-r requirements.txt"),
    "circle-through-a-folder": Case(requirements="-r sub/../requirements.txt\na", files={"sub/x.txt": ""}),
    "circle-through-a-missing-folder": Case(requirements="-r missing/../requirements.txt\na"),
    "through-a-missing-folder": Case(requirements="-r missing/../more.txt", files={"more.txt": "a"}),
    "file-url-without-root": Case(
        requirements="-r file:more.txt",
        files={"more.txt": "a"},
        deviation="`-r file:more.txt` is relative, as `-r more.txt` is; pip looks for it in the root folder.",
        minreq={"a": "2.0"},
    ),
    "lock-file-in-a-file": Case(
        requirements=f"{ROOT}-r pylock.dev.toml",
        files={
            "pylock.dev.toml": "lock-version = '1.0'\ncreated-by = 'x'\n"
            "[[packages]]\nname = 'a'\nversion = '1.0'\n"
            "wheels = [{ name = 'a-1.0-py3-none-any.whl', url = '@a-1.0:url@', hashes = { sha256 = '@a-1.0@' } }]\n"
        },
        deviation="`-r pylock.toml` is also read in a file; pip reads it on its command line alone.",
        minreq={"a": "1.0"},
    ),
    "twice": Case(requirements="-r more.txt\n-r more.txt", files={"more.txt": "a"}),
    "missing-file": Case(requirements="a\n-r missing.txt"),
    "missing-constraints": Case(requirements="a\n-c missing.txt"),
    "lock-file": Case(
        requirements=ROOT,
        files={
            "pylock.toml": "lock-version = '1.0'\ncreated-by = 'x'\n[[packages]]\nname = 'a'\nversion = '1.0'\n"
            "wheels = [{ name = 'a-1.0-py3-none-any.whl', url = '@a-1.0:url@', hashes = { sha256 = '@a-1.0@' } }]\n"
            f"[[packages]]\nname = 'c'\nversion = '1.0'\nmarker = \"{NEVER}\"\n"
            "wheels = [{ name = 'c-1.0-py3-none-any.whl', url = '@c-1.0:url@', hashes = { sha256 = '@c-1.0@' } }]\n"
        },
    ),
}

TEXT = {
    "utf-8-mark": Case(requirements=b"\xef\xbb\xbfa==1.0"),
    "utf-16-little-endian": Case(requirements="\ufeffa==1.0\r\nc\r\n".encode("utf-16-le")),
    "utf-16-big-endian": Case(requirements="\ufeffa==1.0\r\nc".encode("utf-16-be")),
    "utf-32-little-endian": Case(requirements="\ufeffa==1.0\nc".encode("utf-32-le")),
    "utf-32-big-endian": Case(requirements="\ufeffa==1.0\nc".encode("utf-32-be")),
    "coding-line": Case(requirements=b"# coding: latin-1\na # \xfc"),
    "coding-line-unknown": Case(requirements=b"# coding: unheard-of\na"),
    "coding-in-the-third-line": Case(requirements=b"a\nc\n# coding: latin-1 \xfc"),
    "comments": Case(requirements="# x\na==1.0 # y\nc==1.0#z"),
    "comment-and-continuation": Case(requirements="a \\\n# x\nc"),
    "continued": Case(requirements="a\\\n==1.0\nc"),
    "continued-at-the-end": Case(requirements="a==1.0 \\"),
    "variable": Case(requirements="a==${A_VERSION}", environment={"A_VERSION": "1.0"}),
    "variable-missing": Case(requirements="a==${A_MISSING}"),
    "form-feed": Case(requirements="a\x0cc"),
    "empty": Case(requirements=""),
    "single-equals-sign": Case(requirements="a=1.0"),
    "parentheses": Case(requirements="a (==1.0)"),
    "quotes": Case(requirements="'a'"),
    "ambiguous-option": Case(requirements="--requir more.txt", files={"more.txt": "a"}),
    "tab-before-an-option": Case(requirements="a\t--pre"),
    "two-names": Case(requirements="a c"),
    "wildcard": Case(requirements="a==1.*"),
    "empty-marker": Case(requirements="a<2 ;\nc;"),
    "no-text": Case(requirements=b"a\n\xff\xff"),
}

DIRECT = {
    "url-that-does-not-apply": Case(requirements=f"a\nb @ https://index.example/b-1.0.zip ; {NEVER}"),
    "url-and-marker-without-space": Case(requirements=f"a\nb @ https://index.example/b-1.0.zip;{NEVER}"),
    "url-without-name-that-does-not-apply": Case(requirements=f"a\nhttps://index.example/b-1.0.zip ; {NEVER}"),
    "url-in-an-unused-constraint": Case(requirements="a", constraints="c @ https://index.invalid/c-1.0.zip"),
    "url-in-a-constraint-that-does-not-apply": Case(
        requirements="a", constraints=f"a @ https://index.invalid/a-1.0.zip ; {NEVER}"
    ),
    "url-in-a-used-constraint": Case(requirements="a", constraints="a @ https://127.0.0.1:1/a-1.0.zip"),
    "url-in-a-constraint-without-name": Case(requirements="a", constraints="https://index.invalid/a-1.0.zip"),
    "extras-in-a-constraint": Case(requirements="a", constraints=f"a[x]<2 ; {NEVER}"),
    "folder-that-does-not-apply": Case(
        requirements=f"./missing ; {NEVER}\na",
        deviation="A path is looked at only where its marker holds, as a URL is.",
        minreq={"a": "2.0"},
    ),
    "url-of-a-wheel": Case(
        requirements="a @ @a-1.0:url@",
        deviation="A URL or path that applies is refused: a lock has releases of an index alone. `--find-links` names "
        "the folder of a wheel.",
    ),
    "missing-extra": Case(requirements="a[gone]"),
    "missing-extra-of-a-package": Case(requirements="asks-missing-extra"),
    "extra": Case(requirements="c[x]"),
    "extra-in-two-lines": Case(requirements="c[x]\nc<2"),
    "spelled-exactly": Case(requirements="spelled===1.0.0"),
    "spelled-exactly-the-other-way": Case(requirements="spelled===1.0"),
    "spelled-like-no-file": Case(requirements="spelled===1.0.0.0"),
    "spelled-any-way": Case(requirements="spelled==1"),
}

_SEVERAL = (
    "Several lines with hashes of one project allow the files that all of them allow. pip checks the file by the first "
    "line alone."
)
HASH_DEVIATIONS = {
    "hash-that-the-index-does-not-give": Case(
        requirements=f"{ROOT}a --hash=sha512:@a-1.0:sha512@",
        deviation="A file that does not match is no candidate, also where minreq has to download it, since the index "
        "gives another kind of hash or none. pip takes the newest file, and ends where that does not match.",
        minreq={"a": "1.0"},
    ),
    "hash-on-the-second-of-two-lines": Case(
        requirements=f"{ROOT}a<3\na --hash=sha256:@a-1.0@", deviation=_SEVERAL, minreq={"a": "1.0"}
    ),
    "hashes-of-line-and-constraint-that-differ": Case(
        requirements=f"{ROOT}a --hash=sha256:@a-2.0@", constraints="a --hash=sha256:@a-1.0@", deviation=_SEVERAL
    ),
    "two-lines-with-other-hashes": Case(
        requirements=f"{ROOT}{A1}a==1.0 --hash={WRONG}",
        deviation=_SEVERAL,
    ),
    "hash-damaged-on-a-line-that-does-not-apply": Case(
        requirements=f"{ROOT}c ; {NEVER} --hash=sha256:abc",
        deviation="A damaged hash is refused on every line, also on one that does not apply: it protects nothing.",
    ),
}

CASES: Mapping[str, Case] = {**MARKERS, **HASHES, **OPTIONS, **FILES, **TEXT, **DIRECT, **HASH_DEVIATIONS}
DEVIATIONS: Mapping[str, Case] = {name: case for name, case in CASES.items() if case.deviation}
