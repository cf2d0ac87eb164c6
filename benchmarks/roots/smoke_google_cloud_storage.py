"""Objects, signed addresses and checksums against a server on loopback.

Root: google-cloud-storage; has namespaces, compiled speed-ups, entry points.
"""

import datetime as dt
import io
import json
import pkgutil
import threading
import warnings
from http.server import BaseHTTPRequestHandler, HTTPServer

import google
import google.auth
import google_crc32c
from google.api_core import exceptions, retry
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.oauth2 import service_account

KEPT: dict[str, bytes] = {}


class Handler(BaseHTTPRequestHandler):
    def answer(self, status: int, document: object) -> None:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if "alt=media" in self.path:
            self.answer(200, KEPT["o"])
        elif "/b/none" in self.path:
            self.answer(404, {"error": {"message": "no such bucket"}})
        else:
            self.answer(200, {"items": [{"name": "o", "size": "4", "crc32c": "AAAA"}]})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        KEPT["o"] = body.split(b"\r\n\r\n")[-1].split(b"\r\n")[0]
        self.answer(200, {"name": "o", "bucket": "b", "size": str(len(KEPT["o"]))})

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}"
client = storage.Client("project", AnonymousCredentials(), client_options={"api_endpoint": base})
blob = client.bucket("b").blob("o")
blob.upload_from_string(b"text", checksum="crc32c")
print(blob.size, KEPT, [each.name for each in client.list_blobs("b")])
file = io.BytesIO()
blob.download_to_file(file, raw_download=True)
print(file.getvalue())
try:
    client.get_bucket("none", retry=retry.Retry(predicate=lambda _: False))
except exceptions.NotFound as error:
    print("refused:", error.code, error.message.split("/b/")[-1])
server.shutdown()
with warnings.catch_warnings(record=True) as caught:
    print("crc32c", google_crc32c.implementation, google_crc32c.value(b"text"), [str(each.message) for each in caught])


class Signer(AnonymousCredentials, google.auth.credentials.Signing):
    signer_email = "a@b.example"
    signer = None

    def sign_bytes(self, message: bytes) -> bytes:
        return b"signed"


when = dt.datetime(2040, 1, 1, tzinfo=dt.timezone.utc)
print(blob.generate_signed_url(when, credentials=Signer(), version="v2").split("?")[1])
try:
    service_account.Credentials.from_service_account_info({"client_email": "a", "token_uri": "b", "private_key": "c"})
except ValueError as error:
    print("key", str(error).split(".")[0][:60])
print("namespace", sorted(each.name for each in pkgutil.iter_modules(google.__path__)))
print("cloud", sorted(each.name for each in pkgutil.iter_modules(__import__("google.cloud").cloud.__path__)))
for name in (
    "google.cloud.storage.grpc_client",
    "google.auth.transport.grpc",
    "google.cloud._storage_v2",
    "google.rpc.status_pb2",
):
    try:
        __import__(name)
        print(name, "works")
    except ImportError as error:
        print(name, type(error).__name__, str(error).splitlines()[0][:60])
