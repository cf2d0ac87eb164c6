"""The tests of a program on nothing but the lock."""

import nox


# The Python the lock was made for: on another a wheel may have another hash, which is refused.
@nox.session(python="3.12")
def minimal(session: nox.Session) -> None:
    """Install the lock without dependencies, and run."""
    session.install("--no-deps", "--require-hashes", "-r", "requirements-minimal.txt")
    session.run("python", "-c", "import litellm")
