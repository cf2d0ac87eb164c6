"""An object written to and read from a server of its own on loopback; no credentials leave the machine."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

CONTENT = b"content"
OBJECT = {"kind": "storage#object", "bucket": "bucket", "name": "name", "size": str(len(CONTENT)), "generation": "1"}


class Server(BaseHTTPRequestHandler):
    """Answers as the JSON API does."""

    def do_GET(self) -> None:
        """Send the object, or what is known of it."""
        self.answer(CONTENT if "alt=media" in self.path else json.dumps(OBJECT).encode())

    def do_POST(self) -> None:
        """Take an upload."""
        self.rfile.read(int(self.headers["content-length"]))
        self.answer(json.dumps(OBJECT).encode())

    def answer(self, body: bytes) -> None:
        """Send *body*."""
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}"
client = storage.Client(project="project", credentials=AnonymousCredentials(), client_options={"api_endpoint": address})
blob = client.bucket("bucket").blob("name")
blob.upload_from_string(CONTENT, checksum=None)
blob.reload()
print(blob.size, blob.download_as_bytes(checksum=None))
server.shutdown()
