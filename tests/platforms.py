"""Platforms for tests: the same on every machine."""

from __future__ import annotations

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.version import Version

from minreq.model import Platform


def linux(
    name: str = "host", *, python: str = "3.12.1", machine: str = "x86_64", glibc: int = 39, system: str = "Linux"
) -> Platform:
    """CPython on Linux, or on another *system* with the same tags; *glibc* is the minor version of the C library."""
    version = Version(python)
    release = version.release[:2]
    archs = [f"manylinux_2_{minor}_{machine}" for minor in range(glibc, 16, -1)] + [f"manylinux2014_{machine}"]
    tags: list[Tag] = [*cpython_tags(release, platforms=archs)]
    tags += compatible_tags(release, interpreter=f"cp{release[0]}{release[1]}", platforms=archs)
    markers = {
        "implementation_name": "cpython",
        "implementation_version": python,
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_release": "6.1",
        "platform_system": system,
        "platform_version": "1",
        "python_full_version": python,
        "python_version": f"{release[0]}.{release[1]}",
        "sys_platform": system.lower(),
    }
    return Platform(name=name, python_version=version, markers=markers, tags=tuple(tags))
