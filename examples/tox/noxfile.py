"""The tests of a program on nothing but the lock."""

import nox


@nox.session
def minimal(session: nox.Session) -> None:
    """Install the lock without dependencies, and run."""
    session.install("--no-deps", "--require-hashes", "-r", "requirements-minimal.txt")
    session.run("python", "-c", "import litellm")
