"""Loaded at the start of every interpreter of a smoke: asks the parent about misses, records, and keeps to loopback.

This file and ``_minreq_driver.py`` are copied into the ``site-packages`` of a throw-away environment, where a ``.pth`` file of
one line imports this one; so a subprocess of the same interpreter carries the hook along. Only the standard library is
at hand here, and nothing of minreq.

The protocol, version 1
-----------------------
``_minreq_child.json`` beside this file tells how to begin::

    {"protocol": 1, "socket": PATH, "paths": [FOLDER...], "asks": BOOL, "shared": [PACKAGE...],
     "authority": PEM, "driver": true}

Each process holds one connection to the Unix socket. A message is one line of JSON; each gets one line as its answer.
The first of a connection names the process; a subprocess inherits the name in the environment variable
``MINREQ_PROCESS``, and its stage in ``MINREQ_STAGE``::

    {"hello": PROCESS, "pid": PID, "protocol": 1}                 -> {}
    {"ask": "import"|"probe"|"metadata", "name": NAME, "frames": [[FILE, LINE, FUNCTION]...],
     "stage": STAGE, "order": N, "quiet": BOOL}                   -> one of
        {"answer": "yes", "path": FOLDER, "shared": [PACKAGE...], "fork": PROCESS or null}
        {"answer": "no", "distribution": NAME}                       left out: our own ModuleNotFoundError
        {"answer": "namespace"}                                      an empty namespace package
        {"answer": "unknown"}                                        nobody owns it
    {"unsettled": REASON}                                         -> {}    a fork met what it must not do, and ends

The messages of the driver are told in ``_minreq_driver.py``. A connection that closes before its process said ``end``
means that the process died.
"""

import json
import os
import sys

PROTOCOL = 1
#: Marks an exception as ours; its value is the name of the distribution that was declined.
DECLINED = "_minreq_declined"
#: Frames sent with a question: enough for the chain from the smoke to the import.
FRAMES = 60


class Link:
    """The connection of this process to the parent."""

    def __init__(self, socket_path):
        self.socket_path = socket_path
        self.pid = None
        self.socket = None
        self.file = None
        self.lock = None

    def request(self, message):
        """Send *message*, return the parent's answer."""
        if self.pid != os.getpid():
            self.open()
        with self.lock:
            self.file.write(json.dumps(message).encode() + b"\n")
            self.file.flush()
            line = self.file.readline()
        if not line:
            os._exit(70)  # The parent is gone: nobody wants the rest of this run.
        return json.loads(line)

    def open(self):
        """Connect and say which process this is."""
        import socket
        import threading

        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(self.socket_path)
        self.file = self.socket.makefile("rwb")
        self.lock = threading.Lock()
        self.pid = os.getpid()
        self.request({"hello": os.environ.get("MINREQ_PROCESS", "main"), "pid": self.pid, "protocol": PROTOCOL})

    def descriptor(self):
        """The file descriptor of the connection, of this process or inherited."""
        return None if self.socket is None else self.socket.fileno()


class State:
    """What this process has seen since its stage began."""

    def __init__(self):
        self.stage = os.environ.get("MINREQ_STAGE", "start")
        self.order = 0
        #: A fork at a miss: it may read and compute, nothing else.
        self.fork = False
        #: Where a fork may write.
        self.temporary = None
        #: File descriptors of the driver's own.
        self.descriptors = set()
        #: The file that stands for stdout while a stage runs.
        self.output = None
        self.warnings = []
        self.logs = []
        self.connections = []
        #: Module -> file, line and function of the first import of it.
        self.importers = {}

    def printed(self):
        """What the stage has printed; the position of the file is shared with forks, so it stays where it is."""
        sys.stdout.flush()
        size = os.fstat(self.output.fileno()).st_size
        return os.pread(self.output.fileno(), size, 0)

    def continue_output(self):
        """Give a fork a file of its own that begins with what was printed so far."""
        if self.output is not None:
            import tempfile

            printed = self.printed()
            self.output = tempfile.TemporaryFile(dir=os.path.dirname(__file__))
            os.write(self.output.fileno(), printed)
            os.dup2(self.output.fileno(), 1)

    def own_temporary_folder(self, process):
        """Give a fork a temporary folder of its own, the one place where it may write."""
        self.temporary = os.path.join(os.path.dirname(os.path.abspath(__file__)), "temporary-" + process)
        os.mkdir(self.temporary)
        os.environ["TMPDIR"] = self.temporary
        tempfile = sys.modules.get("tempfile")
        if getattr(tempfile, "tempdir", None) is not None:
            tempfile.tempdir = self.temporary

    def begin(self, stage):
        self.stage = os.environ["MINREQ_STAGE"] = stage
        self.warnings, self.logs, self.connections = [], [], []


class Namespace:
    """The path of a namespace package: its folder in each entry of ``sys.path`` that has one, as PEP 420 wants it."""

    def __init__(self, name):
        self.parts = name.split(".")

    def _entries(self):
        folders = (os.path.join(entry, *self.parts) for entry in sys.path)
        return [folder for folder in folders if os.path.isdir(folder)]

    def __iter__(self):
        return iter(self._entries())

    def __len__(self):
        return len(self._entries())

    def __getitem__(self, index):
        return self._entries()[index]

    def __contains__(self, item):
        return item in self._entries()

    def __repr__(self):
        return f"_NamespacePath({self._entries()!r})"

    def append(self, item):
        sys.path.append(item)


class Finder:
    """Stands last on ``sys.meta_path``: whatever nothing else satisfied is a question to the parent."""

    def __init__(self, link, state, shared):
        self.link = link
        self.state = state
        self.shared = set(shared)
        self.answered = {}

    def find_spec(self, fullname, path=None, target=None):
        parent, _, child = fullname.rpartition(".")
        if parent and parent not in self.shared:
            return None  # A submodule of a distribution that is here: its own business.
        spec = self._later_finders(fullname, path, target)
        if spec is not None:
            return spec
        frames, probing = importing_frames(sys._getframe(1))
        answer = self._ask("probe" if probing else "import", fullname, frames)
        kind = answer["answer"]
        if kind == "yes":
            folder = self._available(answer["path"])
            from importlib.machinery import PathFinder

            return PathFinder.find_spec(fullname, [os.path.join(folder, *parent.split("."))] if parent else [folder])
        if kind == "namespace":
            from importlib.machinery import ModuleSpec

            self.shared.add(fullname)
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = Namespace(fullname)
            return spec
        if kind == "no" and not probing:
            error = ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
            setattr(error, DECLINED, answer["distribution"])
            raise error
        return None

    def find_distributions(self, context):
        """Answer a look-up of one project; a look-up of all of them is no evidence for any."""
        name = getattr(context, "name", None)
        if name is None or "path" in vars(context):
            return []
        frames, _ = importing_frames(sys._getframe(1))
        answer = self._ask("metadata", name, frames)
        from importlib import metadata

        if answer["answer"] == "yes":
            folder = self._available(answer["path"])
            found = metadata.MetadataPathFinder.find_distributions(
                metadata.DistributionFinder.Context(name=name, path=[folder])
            )
            return list(found)
        if answer["answer"] == "no" and called_by(sys._getframe(1), "from_name"):
            error = metadata.PackageNotFoundError(name)
            setattr(error, DECLINED, answer["distribution"])
            raise error
        return []

    def invalidate_caches(self):
        self.answered.clear()

    def _later_finders(self, fullname, path, target):
        """A package that installs a finder of its own after us is asked before the parent is."""
        finders = list(sys.meta_path)
        position = finders.index(self) if self in finders else len(finders)
        for finder in finders[position + 1 :]:
            find_spec = getattr(finder, "find_spec", None)
            spec = find_spec(fullname, path, target) if find_spec is not None else None
            if spec is not None:
                return spec
        return None

    def _ask(self, need, name, frames):
        key = (need, name, tuple(frames[:3]))
        if key in self.answered:
            return self.answered[key]
        state = self.state
        state.order += 1
        message = {
            "ask": need,
            "name": name,
            "frames": frames,
            "stage": state.stage,
            "order": state.order,
            "quiet": not state.fork and is_quiet({self.link.descriptor(), *state.descriptors}),
        }
        answer = self.link.request(message)
        if answer.get("fork") and self._fork(answer["fork"]):
            answer = self.link.request({**message, "quiet": False})
        self.shared.update(answer.get("shared", ()))
        if answer["answer"] in ("no", "unknown"):
            self.answered[key] = answer
        return answer

    def _available(self, folder):
        if folder not in sys.path:
            sys.path.append(folder)
        return folder

    def _fork(self, process):
        """Fork at the miss; true in the fork, which asks again, and is told how it is without the distribution."""
        if fork_apart(process, self.link):
            return False
        self.state.continue_output()
        self.state.own_temporary_folder(process)
        self.state.fork = True
        sys.dont_write_bytecode = True
        return True


def importing_frames(frame, most=FRAMES):
    """The frames that led to an import, innermost first, without the machinery of import; and whether it is a probe."""
    found = []
    probing = False
    while frame is not None and len(found) < most:
        code = frame.f_code
        module = frame.f_globals.get("__name__", "")
        if module == "importlib.util" and code.co_name == "find_spec" and not found:
            probing = True
        elif module not in MACHINERY and not code.co_filename.startswith("<frozen importlib"):
            function = code.co_name
            if not code.co_flags & CO_OPTIMIZED and function != "<module>":
                function = f"<class {function}>"
            found.append((code.co_filename, frame.f_lineno or 0, function))
        frame = frame.f_back
    return found, probing


#: ``inspect.CO_OPTIMIZED``: set for functions, not for modules and class bodies.
CO_OPTIMIZED = 1
MACHINERY = {
    "importlib",
    "importlib._bootstrap",
    "importlib._bootstrap_external",
    "importlib.util",
    "importlib.metadata",
    "importlib_metadata",
    "pkgutil",
    __name__,
    "_minreq_driver",
}


def called_by(frame, name):
    while frame is not None:
        if frame.f_code.co_name == name:
            return True
        frame = frame.f_back
    return False


def is_quiet(own):
    """Whether a fork now can neither hurt its parent nor be hurt by what it lost: one thread, no loop, nothing open.

    *own* are file descriptors that do not count.
    """
    if not os.path.isdir("/proc/self/task") or len(sys._current_frames()) > 1:
        return False
    running_loop = getattr(sys.modules.get("asyncio"), "_get_running_loop", None)
    if running_loop is not None and running_loop() is not None:
        return False
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as children:
            if children.read().strip():
                return False
        for descriptor in os.listdir("/proc/self/fd"):
            if int(descriptor) > 2 and int(descriptor) not in own and not is_harmless(descriptor):
                return False
    except OSError:
        return False
    temporary = os.environ.get("TMPDIR")
    return temporary is None or not os.path.isdir(temporary) or not os.listdir(temporary)


def is_harmless(descriptor):
    """A file open for reading may be shared with a fork; a socket, a pipe or a file open for writing may not."""
    try:
        target = os.readlink(f"/proc/self/fd/{descriptor}")
        with open(f"/proc/self/fdinfo/{descriptor}") as information:
            flags = int(information.read().split("flags:")[1].split()[0], 8)
    except (OSError, IndexError, ValueError):
        return True  # It closed while we looked: the listing's own.
    if target.startswith(("socket:", "pipe:")):
        return False
    return target == "/dev/null" or not flags & (os.O_WRONLY | os.O_RDWR)


def fork_apart(process, link):
    """Fork a process that is nobody's child; true in the one that stays, false in the new one, which is *process*."""
    import warnings

    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # Python warns of forks beside threads; the parent of this process has a time limit.
        pid = os.fork()
        if pid:
            os.waitpid(pid, 0)
            return True
        if os.fork():
            os._exit(0)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
    os.environ["MINREQ_PROCESS"] = process
    link.open()  # Before any subprocess can, which has the same name.
    return False


#: What a fork at a miss must not do: it shares files and descriptors with the process it came from.
FORBIDDEN_IN_FORK = (
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.kill",
    "os.posix_spawn",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.system",
    "shutil.rmtree",
    "socket.connect",
    "socket.sendto",
    "subprocess.Popen",
)


def watch_network_and_forks(link, state):
    """Refuse what is not loopback, as a machine without network would, and write down what was tried."""
    import errno
    import socket

    def is_local(host):
        if isinstance(host, bytes):
            host = host.decode("ascii", "replace")
        return host in (None, "", "localhost", "::1", "0.0.0.0", "::") or host.startswith("127.")

    def hook(event, arguments):
        if state.fork and (event in FORBIDDEN_IN_FORK or (event == "open" and writes(arguments))):
            if event == "socket.connect" and arguments[1] == link.socket_path:
                return
            if isinstance(arguments[0], str) and arguments[0].startswith(state.temporary):
                return
            state.fork = False
            link.request({"unsettled": f"{event} {arguments!r:.200}"})
            os._exit(0)
        if event == "import":
            if arguments[0] not in state.importers:
                frames, _ = importing_frames(sys._getframe(1), 1)
                state.importers[arguments[0]] = frames[0] if frames else None
        elif event in ("socket.connect", "socket.sendto"):
            address = arguments[1]
            if isinstance(address, tuple) and not is_local(address[0]):
                state.connections.append(f"{address[0]}:{address[1]}")
                raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
        elif event in ("socket.getaddrinfo", "socket.gethostbyname") and not is_local(arguments[0]):
            host = arguments[0].decode("ascii", "replace") if isinstance(arguments[0], bytes) else arguments[0]
            port = arguments[1] if len(arguments) > 1 else ""
            state.connections.append(f"{host}:{port}")
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    sys.addaudithook(hook)


def writes(arguments):
    """Whether the arguments of the audit event ``open`` ask for writing."""
    path, _, flags = arguments
    return path != os.devnull and isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def trust(authority):
    """Every TLS context does its real work first, then trusts the emulator's throw-away authority too."""
    import ssl

    def wrapped(name):
        original = getattr(ssl.SSLContext, name)

        def method(self, *arguments, **options):
            result = original(self, *arguments, **options)
            load(self, cadata=authority)
            return result

        method.__name__ = name
        return method

    load = ssl.SSLContext.load_verify_locations
    for name in ("load_verify_locations", "load_default_certs", "set_default_verify_paths"):
        setattr(ssl.SSLContext, name, wrapped(name))


def record(state):
    """Write down warnings, log records at WARNING and above, and exceptions that nobody can catch."""
    import logging
    import threading
    import warnings

    show = warnings._showwarnmsg
    handle = logging.Logger.handle

    def showwarnmsg(message):
        state.warnings.append(f"{message.category.__name__}: {message.message} ({message.filename})")
        return show(message)

    def handle_and_record(self, entry):
        if entry.levelno >= logging.WARNING:
            try:
                text = entry.getMessage()
            except Exception:  # A record that cannot be formatted is the program's own fault, and logging says so.
                text = str(entry.msg)
            state.logs.append(f"{entry.levelname} {entry.name}: {text}")
        return handle(self, entry)

    def uncaught(hook):
        def hook_and_record(arguments):
            state.logs.append(f"ERROR uncaught: {arguments.exc_type.__name__}: {arguments.exc_value}")
            return hook(arguments)

        return hook_and_record

    sys.unraisablehook = uncaught(sys.unraisablehook)
    threading.excepthook = uncaught(threading.excepthook)
    warnings._showwarnmsg = showwarnmsg
    logging.Logger.handle = handle_and_record


def install():
    """Read the configuration beside this file and do what it says; returns it with the link and the state."""
    folder = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(folder, "_minreq_child.json"), encoding="utf-8") as file:
        configuration = json.load(file)
    sys.path.extend(configuration["paths"])
    link, state = Link(configuration["socket"]), State()
    watch_network_and_forks(link, state)
    trust(configuration["authority"])
    record(state)
    if configuration["asks"]:
        sys.meta_path.append(Finder(link, state, configuration["shared"]))
    return configuration, link, state


CONFIGURATION, LINK, STATE = install()
