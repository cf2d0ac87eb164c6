"""Renders a Dockerfile that installs a lock, and nothing else, on an official image of Python."""

from __future__ import annotations

import json

from minreq.model import Lock

_TEXT = """\
# Made by minreq from {made_from}: an image with the distributions of the lock, and no others. In its folder:
#
#    docker build --file {filename} .
#
# Add a digest to both FROM lines, of an image that you trust.
{provided}FROM {image} AS install
COPY {copied}
RUN python -m venv /venv
RUN /venv/bin/python -m pip install --no-cache-dir --no-deps{options} --requirement /install/requirements.txt
# A program needs no installer.
RUN /venv/bin/python -m pip uninstall --yes pip

FROM {image}
COPY --from=install /venv /venv
ENV PATH=/venv/bin:$PATH
"""
_PROVIDED = "# The lock leaves out what the runtime provides, so the image has to have it: {names}.\n"


def render(lock: Lock, *, made_from: str, filename: str) -> str:
    """Return the Dockerfile; *made_from* and *filename* are the names of the lock and of the file, in one folder."""
    version = lock.proven_on.python_version
    is_musl = all(any("musllinux" in tag.platform for tag in platform.tags) for platform in lock.platforms)
    options = " --require-hashes" if lock.hashes else ""
    options += "" if any(each.candidate.sdist for each in lock.selection.kept) else " --only-binary :all:"
    names = ", ".join(f"{each.candidate.name} {each.candidate.version}" for each in lock.provided)
    return _TEXT.format(
        made_from=made_from,
        filename=filename,
        provided=_PROVIDED.format(names=names) if names else "",
        image=f"python:{version.major}.{version.minor}-{'alpine' if is_musl else 'slim'}",
        # This form takes any name (Dockerfile reference, COPY); `$` begins a variable in it, too.
        copied=json.dumps([made_from.replace("$", "\\$"), "/install/requirements.txt"]),
        options=options,
    )
