"""Makes wheels of pure Python distributions that are installed beside the tests: real ones, without an index."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from importlib.metadata import distribution
from pathlib import Path

from packaging.utils import canonicalize_name


def make_wheel(name: str, folder: Path) -> Path:
    """Write the wheel of the installed distribution *name* into *folder*; its scripts are left out."""
    installed = distribution(name)
    stem = f"{canonicalize_name(name).replace('-', '_')}-{installed.version}"
    info = f"{stem}.dist-info"
    members: dict[str, bytes] = {}
    for file in installed.files or ():
        # An installer may list compiled files that are not there.
        is_compiled = "__pycache__" in file.parts or file.suffix == ".pyc"
        if not file.parts[0].startswith("..") and not is_compiled:
            path = file.as_posix()
            if file.parts[0].endswith(".dist-info"):
                if file.name in {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}:
                    continue
                path = "/".join((info, *file.parts[1:]))
            members[path] = Path(str(file.locate())).read_bytes()
    rows = [f"{path},sha256={_digest(content)},{len(content)}" for path, content in members.items()]
    members[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,"]).encode()
    wheel = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in members.items():
            archive.writestr(path, content)
    return wheel


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
