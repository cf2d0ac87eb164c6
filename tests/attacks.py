"""What a hostile package tries while its smoke runs, and the files, servers and programs that it tries it on.

All targets are made for the test. Files of the system are only opened and closed.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import unprivileged

#: In the environment and the arguments of another program.
MARK = "mark-of-another-program"

#: Prints a line for each attack: its name, and whether it succeeded. The names of attacks by compiled code begin with
#: ``c-``: they raise no audit event.
SCRIPT = """
import app, ctypes, fcntl, os, pathlib, pty, signal, socket, stat, struct, subprocess, sys, time
FACTS = {}
LIBC = ctypes.CDLL(None, use_errno=True)
NUMBERS = {"x86_64": (250, 56), "aarch64": (219, 220)}[os.uname().machine]

def c_open(path, flags=os.O_RDONLY):
    descriptor = LIBC.open(os.fsencode(path), flags | os.O_NONBLOCK | os.O_NOCTTY)
    return descriptor >= 0 and (os.close(descriptor) or True)

def p_open(path, mode="rb"):
    with open(path, mode):
        return True

def c_read(path):
    descriptor = LIBC.open(os.fsencode(path), os.O_RDONLY)
    if descriptor < 0:
        return b""
    try:
        return os.read(descriptor, 1 << 16)
    finally:
        os.close(descriptor)

def p_read(path):
    with open(path, "rb") as file:
        return file.read()

def processes():
    # In a namespace 1 is minreq's own first process.
    return [name for name in os.listdir("/proc") if name.isdigit()]

def in_proc(read, name):
    for each in processes():
        try:
            if FACTS["mark"].encode() in read(f"/proc/{each}/{name}"):
                return True
        except OSError:
            continue
    return False

def by_link():
    os.symlink(FACTS["secret"], "link")
    try:
        return p_open("link")
    finally:
        os.unlink("link")

def by_folder():
    here = os.getcwd()
    try:
        os.chdir(os.path.dirname(FACTS["secret"]))
        return p_open(os.path.basename(FACTS["secret"]))
    finally:
        os.chdir(here)

def by_program():
    return subprocess.run(["cat", FACTS["secret"]], capture_output=True).returncode == 0

def terminals():
    # Not those that this process has made.
    return ["/dev/tty", *FACTS["terminals"]]

def p_unix(address):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(address)
        return True

def c_unix(address):
    with socket.socket(socket.AF_UNIX) as client:
        data = struct.pack("=H", socket.AF_UNIX) + address
        return LIBC.connect(client.fileno(), data, len(data)) == 0

def c_connect():
    with socket.socket() as client:
        data = struct.pack("=HH4s8x", socket.AF_INET, socket.htons(FACTS["port"]), socket.inet_aton("127.0.0.1"))
        return LIBC.connect(client.fileno(), data, len(data)) == 0

def in_child(call):
    pid = os.fork()
    if not pid:
        os._exit(0 if call() == 0 else 1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

def by_clone():
    pid = LIBC.syscall(NUMBERS[1], 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    return pid > 0 and os.waitpid(pid, 0)[0] == pid

def typed():
    controller, terminal = pty.openpty()
    try:
        fcntl.ioctl(terminal, 0x5412, b"x")
        return True
    finally:
        os.close(controller)
        os.close(terminal)

def leave_daemon():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            null = os.open(os.devnull, os.O_RDWR)
            for each in (0, 1, 2):
                os.dup2(null, each)
            os.execv("/bin/sh", ["sh", "-c", "sleep 600; true", FACTS["daemon"]])
        os._exit(0)
    os.wait()
    return False

def block_devices():
    lines = pathlib.Path("/proc/partitions").read_text().split("\\n")[2:]
    return ["/dev/" + line.split()[3] for line in lines if line]

def hostname():
    name = socket.gethostname().encode()
    return LIBC.sethostname(name, len(name)) == 0

ATTACKS = {
    **{name: lambda path=path: p_open(path) for name, path in FACTS["files"].items()},
    **{"c-" + name: lambda path=path: c_open(path) for name, path in FACTS["files"].items()},
    "write-home": lambda: p_open(FACTS["secret"], "ab"),
    "c-write-home": lambda: c_open(FACTS["secret"], os.O_WRONLY | os.O_APPEND),
    "c-chmod-home": lambda: LIBC.chmod(FACTS["secret"].encode(), 0o600) == 0,
    "c-write-store": lambda: c_open(FACTS["store"], os.O_WRONLY | os.O_APPEND),
    "root-link": lambda: p_open("/proc/self/root" + FACTS["secret"]),
    "c-root-link": lambda: c_open("/proc/self/root" + FACTS["secret"]),
    "link": by_link,
    "folder": by_folder,
    "c-program": by_program,
    "environ": lambda: in_proc(p_read, "environ"),
    "c-environ": lambda: in_proc(c_read, "environ"),
    "cmdline": lambda: in_proc(p_read, "cmdline"),
    "c-cmdline": lambda: in_proc(c_read, "cmdline"),
    "c-minreq-environ": lambda: any(FACTS["key"].encode() in c_read(f"/proc/{each}/environ") for each in processes()),
    "c-memory": lambda: c_open(f"/proc/{FACTS['pid']}/mem"),
    "c-signal": lambda: LIBC.kill(FACTS["pid"], 0) == 0,
    "unix-socket": lambda: p_unix(FACTS["socket"]),
    "c-unix-socket": lambda: c_unix(FACTS["socket"].encode() + b"\\0"),
    "c-project-socket": lambda: c_unix(FACTS["project_socket"].encode() + b"\\0"),
    "abstract-socket": lambda: p_unix("\\0" + FACTS["abstract"]),
    "c-abstract-socket": lambda: c_unix(b"\\0" + FACTS["abstract"].encode()),
    "network": lambda: bool(socket.create_connection(("203.0.113.7", 443), 1)),
    "loopback": lambda: bool(socket.create_connection(("127.0.0.1", FACTS["port"]), 5).close() or True),
    "c-loopback": c_connect,
    "terminal": lambda: any(map(attempt(lambda each: p_open(each, "r+b")), terminals())),
    "c-terminal": lambda: any(c_open(each, os.O_RDWR) for each in terminals()),
    "c-typing": typed,
    "c-sysctl": lambda: c_open("/proc/sys/kernel/core_pattern", os.O_WRONLY),
    "c-kernel-log": lambda: c_open("/dev/kmsg", os.O_WRONLY),
    "c-block-device": lambda: any(map(c_open, block_devices())),
    "c-shadow": lambda: c_open("/etc/shadow"),
    "c-hostname": hostname,
    "c-keyring": lambda: LIBC.syscall(NUMBERS[0], 0, -3, 0, 0, 0) >= 0,
    "c-user-namespace": lambda: in_child(lambda: LIBC.unshare(0x10000000)),
    "c-user-namespace-clone": by_clone,
    "c-vsock": lambda: LIBC.socket(40, socket.SOCK_STREAM, 0) >= 0,
    "daemon": leave_daemon,
}

def attempt(attack):
    def result(*arguments):
        try:
            return bool(attack(*arguments))
        except OSError:
            return False
    return result

for name, attack in ATTACKS.items():
    print(name, attempt(attack)())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Folders of the user whose minreq is attacked."""

    #: Has all the others.
    folder: Path
    home: Path
    #: Has the smoke.
    project: Path
    #: A file of the store.
    stored: Path
    #: The number of the user.
    user: int


@contextmanager
def targets(place: Place, terminal: str) -> Iterator[Mapping[str, str]]:
    """Write the targets and the attack; yield the variables of minreq's environment that a run must not see."""
    secrets = _write_secrets(place)
    abstract = f"attack-{place.folder.name}"
    elsewhere = place.folder / "elsewhere"
    addresses = (str(elsewhere / "socket"), str(place.project / "socket"), f"\0{abstract}")
    with ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        for address in addresses:
            server = stack.enter_context(socket.socket(socket.AF_UNIX))
            server.bind(address)
            server.listen()
        program = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
        command = [*unprivileged.command(*program), MARK] if place.user != os.getuid() else [*program, MARK]
        other = stack.enter_context(subprocess.Popen(command, env={"KEY": MARK}, start_new_session=True))
        stack.callback(other.kill)
        facts = {
            "files": {name: str(file) for name, file in secrets.items()},
            "secret": str(secrets["ssh"]),
            "store": str(place.stored),
            "mark": MARK,
            "key": f"key-{abstract}",
            "pid": other.pid,
            "socket": addresses[0],
            "project_socket": addresses[1],
            "abstract": abstract,
            "port": tcp.getsockname()[1],
            "terminals": [terminal],
            "daemon": f"daemon-{abstract}",
        }
        (place.project / "smoke.py").write_text(SCRIPT.replace("FACTS = {}", f"FACTS = {facts!r}"))
        for path in (place.folder, *place.folder.rglob("*")):
            os.chown(path, place.user, place.user, follow_symlinks=False)
        yield {"AWS_SECRET_ACCESS_KEY": f"key-{abstract}", "PIP_CONFIG_FILE": str(secrets["pip-config"])}


def _write_secrets(place: Place) -> Mapping[str, Path]:
    secrets = {
        "ssh": place.home / ".ssh" / "id_ed25519",
        "aws": place.home / ".aws" / "credentials",
        "config": place.home / ".config" / "tool" / "token",
        "netrc": place.home / ".netrc",
        "cache": place.home / ".cache" / "tool" / "cookies",
        "mail": place.home / "mbox",
        "dotenv": place.project / ".env",
        "dotenv-local": place.project / "deep" / "er" / ".env.local",
        "project-key": place.project / "server.pem",
        "remote": place.project / ".git" / "config",
        "pip-config": place.project / "installer.conf",
        "other": place.folder / "elsewhere" / "secret",
    }
    for file in secrets.values():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("-----BEGIN PRIVATE KEY-----\n")
        file.chmod(0o600)
    secrets["pip-config"].write_text("[global]\nindex-url = https://user:password@127.0.0.1/\n")
    return secrets
