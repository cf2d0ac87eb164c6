"""Which distribution owns which module: wheels as the binary distribution format and PEP 420 have them."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest
from hypothesis import given, strategies as st
from packaging.utils import NormalizedName, canonicalize_name

from minreq.model import Member
from minreq.wheels.importmap import ImportMap, import_map, modules


def wheel(*paths: str) -> dict[str, bool]:
    return modules(Member(path=path, size=1) for path in paths)


def joined(**distributions: tuple[str, ...]) -> ImportMap:
    return import_map({canonicalize_name(name): wheel(*paths) for name, paths in distributions.items()})


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("six.py", {"six": True}),
        ("six.pyc", {"six": True}),
        ("_speed.cpython-312-x86_64-linux-gnu.so", {"_speed": True}),
        ("_speed.abi3.so", {"_speed": True}),
        ("_speed.cp312-win_amd64.pyd", {"_speed": True}),
        ("yaml/__init__.py", {"yaml": True}),
        ("google/auth/__init__.py", {"google": False, "google.auth": True}),
        ("google/auth/transport/requests.py", {
            "google": False, "google.auth": False, "google.auth.transport": False,
            "google.auth.transport.requests": True,
        }),
        ("a-1.data/purelib/a/__init__.py", {"a": True}),
        ("a-1.data/platlib/a.so", {"a": True}),
        ("a-1.data/scripts/tool.py", {}),
        ("a-1.data/data/share/a.py", {}),
        ("a-1.data/purelib", {}),
        ("a-1.dist-info/METADATA", {}),
        ("a-1.dist-info/licenses/helper.py", {}),
        ("yaml/py.typed", {}),
        ("yaml/data.json", {}),
        ("not-a-name.py", {}),
        ("not-a-name/module.py", {}),
        ("yaml/", {}),
        ("__init__.py", {"__init__": True}),
    ],
)  # fmt: skip
def test_modules(path: str, found: dict[str, bool]) -> None:
    """What a member makes importable, and whether it is more than a folder."""
    assert wheel(path) == found


def test_folder_with_init_later() -> None:
    """A folder seen first by its child becomes a package when its ``__init__`` is met, and stays one."""
    assert wheel("a/b.py", "a/__init__.py", "a/c.py") == {"a": True, "a.b": True, "a.c": True}


def test_one_owner() -> None:
    """A package that one distribution has alone answers for all below it."""
    found = joined(pyyaml=("yaml/__init__.py", "yaml/loader.py"))
    assert found.owners == {"yaml": ("pyyaml",)}
    assert found.shared == {}
    assert found.owner("yaml") == "pyyaml"
    assert found.owner("yaml.loader") is None
    assert found.owner("nothing") is None


def test_namespace() -> None:
    """A folder without ``__init__`` belongs to nobody; its children are told apart."""
    found = joined(auth=("google/auth/__init__.py",), storage=("google/cloud/storage/__init__.py",))
    assert found.owner("google") is None
    assert found.owner("google.auth") == "auth"
    assert found.owner("google.cloud") is None
    assert found.owner("google.cloud.storage") == "storage"
    assert found.shared == {"google": {"auth", "storage"}, "google.cloud": {"storage"}}


def test_namespace_of_one() -> None:
    """A folder of one distribution is still a namespace: another may be asked for its child."""
    found = joined(auth=("google/auth/__init__.py",))
    assert found.owners == {"google": (), "google.auth": ("auth",)}
    assert found.shared == {"google": {"auth"}}


def test_package_in_several() -> None:
    """Two have the package: the first is asked first, and children are looked up one by one."""
    found = joined(base=("a/__init__.py",), plugin=("a/plugin.py",), other=("a/__init__.py", "a/other.py"))
    assert found.owners == {"a": ("base", "other"), "a.plugin": ("plugin",), "a.other": ("other",)}
    assert found.shared == {"a": {"base", "other", "plugin"}}


def test_order_of_the_mapping_decides() -> None:
    """Where two own one module, the caller's order says who is asked first."""
    assert joined(a=("x.py",), b=("x.py",)).owners["x"] == ("a", "b")
    assert joined(b=("x.py",), a=("x.py",)).owners["x"] == ("b", "a")


NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.builds(
    lambda folders, file: "/".join([*folders, file]),
    st.lists(NAMES, max_size=3),
    st.sampled_from(["__init__.py", "a.py", "b.py", "c.so", "data.txt"]),
)
WHEELS = st.dictionaries(
    st.sampled_from([canonicalize_name(f"p{number}") for number in range(4)]),
    st.lists(PATHS, max_size=6).map(lambda paths: wheel(*paths)),
)


@given(WHEELS)
def test_every_module_has_its_owner(distributions: Mapping[NormalizedName, Mapping[str, bool]]) -> None:
    """Following shared packages down, each module is found with exactly those that have it."""
    found = import_map(distributions)
    for name in {name for its_modules in distributions.values() for name in its_modules}:
        holders = {distribution for distribution, its_modules in distributions.items() if name in its_modules}
        parts = name.split(".")
        above = [".".join(parts[:length]) for length in range(1, len(parts))]
        if all(package in found.shared for package in above):
            owners = {holder for holder in holders if distributions[holder][name]}
            assert set(found.owners[name]) == owners
            if name in found.shared:
                assert found.shared[name] == holders
        else:
            assert name not in found.owners


@given(WHEELS, st.randoms(use_true_random=False))
def test_order_of_members_and_distributions(
    distributions: Mapping[NormalizedName, Mapping[str, bool]], random: Random
) -> None:
    """Another order of wheels gives the same owners, asked in another order at most; that of modules says nothing."""
    found = import_map(distributions)
    names = list(distributions)
    random.shuffle(names)
    turned = import_map({name: dict(reversed(list(distributions[name].items()))) for name in names})
    assert turned.shared == found.shared
    assert {name: set(owners) for name, owners in turned.owners.items()} == {
        name: set(owners) for name, owners in found.owners.items()
    }
