"""All back ends that are installed are found, and a password is kept in one of one's own.

Root: keyring; has entry points, namespaces, plug-ins.
"""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import keyring
from keyring import backend, core, credentials, errors


class Memory(backend.KeyringBackend):
    priority = 9
    kept: dict = {}

    def get_password(self, service, username):
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self.kept[service, username] = password

    def delete_password(self, service, username):
        if self.kept.pop((service, username), None) is None:
            raise errors.PasswordDeleteError("no such password")


print("default", core.get_keyring().name)
for each in sorted(backend.get_all_keyring(), key=lambda each: each.name):
    print("back end", each.name, each.priority)
print("entry points", sorted(each.name for each in entry_points(group="keyring.backends")))
for kind in sorted(backend.KeyringBackend._classes, key=lambda kind: (kind.__module__, kind.__name__)):
    print("class", kind.__module__, kind.__name__, kind.viable)

keyring.set_keyring(Memory())
keyring.set_password("mail", "me", "secret")
print(keyring.get_password("mail", "me"), keyring.get_credential("mail", "me").username)
keyring.delete_password("mail", "me")
try:
    keyring.delete_password("mail", "me")
except errors.PasswordDeleteError as error:
    print("refused:", error)
print(credentials.SimpleCredential("a", "b").password)
print(type(keyring.get_keyring()).__name__, core._config_path().name)
done = subprocess.run(
    [Path(sys.executable).with_name("keyring"), "--list-backends"], capture_output=True, text=True, check=False
)
# keyring keeps its classes in a set, so the order of the lines is chance.
print(done.returncode, sorted(done.stdout.splitlines()), done.stderr)
