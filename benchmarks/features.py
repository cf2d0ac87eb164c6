"""Can every feature of a release be locked? One row for each: what it adds to the default lock, or why it fails.

Needs the package index.

    tox run -e features -- litellm==1.110.2
    tox run -e features -- ROOT --profiles DIR --providers NAME,NAME
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from minreq.profiles.loader import find_profile
from minreq.profiles.planner import supported_features


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureLock:
    """The lock of one feature beside the default ones; *kept* has bytes by name."""

    kept: Mapping[str, int]
    seconds: float
    #: The sentence of minreq, "" where the lock was made.
    error: str = ""
    #: What this release skips, and why, "" where it skips nothing.
    skipped: str = ""


def main() -> None:
    """Lock each feature of each provider; exit 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Requirement)
    parser.add_argument("--providers", default="openai,azure,bedrock")
    parser.add_argument("--profiles", type=Path, action="append", default=[])
    options, others = parser.parse_known_args()
    profile = find_profile(canonicalize_name(options.root.name), options.profiles)
    if profile is None:
        parser.error(f"no profile for {options.root.name}")
    others += [word for folder in options.profiles for word in ("--profiles", str(folder.resolve()))]
    chosen = options.providers.split(",")
    has_failed = False
    print("| provider | feature | adds | bytes | seconds |\n|---|---|---|---:|---:|", flush=True)
    for provider in (each for each in profile.providers if each.name in chosen):
        base = make_lock(options.root, provider.name, "default", others)
        has_failed |= bool(base.error)
        print(row(provider.name, "default", base, {}), flush=True)
        for feature in supported_features(profile, provider):
            if not feature.default:
                found = make_lock(options.root, provider.name, f"default,{feature.name}", others)
                has_failed |= bool(found.error)
                print(row(provider.name, feature.name, found, base.kept, feature.keeps), flush=True)
    sys.exit(has_failed)


def make_lock(root: Requirement, provider: str, features: str, others: Sequence[str]) -> FeatureLock:
    """Run ``minreq lock`` in an empty folder."""
    command = [sys.executable, "-m", "minreq", "lock", str(root), "--providers", provider, "--features", features]
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="minreq-features-") as folder:
        done = subprocess.run(
            [*command, "--json", *others],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    seconds = time.monotonic() - start
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("error")]
        return FeatureLock(kept={}, seconds=seconds, error=(lines or [f"exit status {done.returncode}"])[0])
    result: dict[str, Any] = json.loads(done.stdout)
    notes = [line for line in done.stderr.splitlines() if ": skipped in part or whole: " in line]
    return FeatureLock(
        kept={each["name"]: each["bytes"] for each in result["kept"]},
        seconds=seconds,
        skipped="; ".join(note.removeprefix("Note").strip() for note in notes),
    )


def row(provider: str, feature: str, lock: FeatureLock, base: Mapping[str, int], keeps: Collection[str] = ()) -> str:
    """Return a row of the table: what *lock* has beside *base*, or why there is none; it should have *keeps*."""
    added = {name: size for name, size in lock.kept.items() if name not in base}
    names = lock.error or (", ".join(sorted(added)) if base else f"{len(added)} distributions") or "nothing"
    names += f"; {lock.skipped}" if lock.skipped else ""
    lacking = sorted({*keeps} - lock.kept.keys()) if lock.kept else []
    names += f"; without {', '.join(lacking)}, which the profile names" if lacking else ""
    return f"| {provider} | {feature} | {names} | {sum(added.values()):,} | {lock.seconds:.0f} |"


if __name__ == "__main__":
    main()
