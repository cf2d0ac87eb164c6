"""An exception reported to a server of its own on loopback."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import sentry_sdk

received: list[bytes] = []


class Server(BaseHTTPRequestHandler):
    """Takes envelopes."""

    def do_POST(self) -> None:
        """Remember one."""
        body = self.rfile.read(int(self.headers["content-length"]))
        received.append(gzip.decompress(body) if self.headers["content-encoding"] == "gzip" else body)
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
sentry_sdk.init(f"http://key@127.0.0.1:{server.server_port}/1", traces_sample_rate=1.0)
with sentry_sdk.start_transaction(name="smoke"):
    try:
        raise ValueError("reported")  # noqa: TRY301
    except ValueError as error:
        sentry_sdk.capture_exception(error)
sentry_sdk.flush()
print(len(received) > 0, any(b"reported" in each for each in received))
server.shutdown()
