"""Keys are made, written and read; a server and a client speak on loopback, with SFTP.

Root: paramiko; has compiled modules.
"""

import io
import logging
import socket
import sys
import threading
from pathlib import Path

import paramiko
from paramiko import client, config, sftp_server

# How a connection ends is a matter of time.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)
key = paramiko.ECDSAKey.generate()
file = io.StringIO()
key.write_private_key(file, password="p")
file.seek(0)
print(file.readline().strip(), paramiko.ECDSAKey.from_private_key(io.StringIO(file.getvalue()), password="p") == key)


class Files(paramiko.SFTPServerInterface):
    def list_folder(self, path):
        return [paramiko.SFTPAttributes.from_stat(Path(path).stat(), "file.txt")]

    def stat(self, path):
        return paramiko.SFTPAttributes.from_stat(Path("file.txt").stat())

    def open(self, path, flags, attr):
        handle = paramiko.SFTPHandle(flags)
        handle.readfile = handle.writefile = Path(Path(path).name).open("r+b")
        return handle


class Server(paramiko.ServerInterface):
    def check_auth_password(self, username, password):
        return paramiko.AUTH_SUCCESSFUL if password == "right" else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel, command):
        # The request is granted before the answer comes.
        threading.Timer(0.5, self.answer, [channel, command]).start()
        return True

    def answer(self, channel, command):
        channel.sendall(command.upper())
        channel.send_exit_status(3)
        channel.close()

    def get_allowed_auths(self, username):
        return "password"


def serve(listener):
    for _ in range(2):
        transport = paramiko.Transport(listener.accept()[0])
        transport.add_server_key(key)
        transport.set_subsystem_handler("sftp", sftp_server.SFTPServer, Files)
        transport.start_server(server=Server())


Path("file.txt").write_bytes(b"old!")
listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=serve, args=[listener], daemon=True).start()
for password in ("wrong", "right"):
    with paramiko.SSHClient() as connection:
        connection.set_missing_host_key_policy(client.AutoAddPolicy())
        try:
            connection.connect(
                "127.0.0.1", listener.getsockname()[1], "me", password, allow_agent=False, look_for_keys=False
            )
        except paramiko.AuthenticationException as error:
            print("refused:", error)
            continue
        _, out, _ = connection.exec_command("hello")
        print(out.read(), out.channel.recv_exit_status(), connection.get_transport().remote_cipher)
        with connection.open_sftp() as sftp:
            print(sftp.listdir("."), sftp.stat("file.txt").st_size)
            with sftp.open("file.txt", "r+") as opened:
                print(opened.read())
settings = config.SSHConfig.from_text("Host a*\n  User u\n  HostName %h.example\nMatch host b exec true\n  Port 3\n")
for host in ("abc", "b"):
    try:
        print(dict(sorted(settings.lookup(host).items())))
    except paramiko.ConfigParseError as error:
        print(error)
    except Exception as error:
        print(type(error).__name__, error)
print("loaded", sorted(name for name in ("nacl", "bcrypt", "invoke", "gssapi", "cryptography") if name in sys.modules))
