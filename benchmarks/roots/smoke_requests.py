"""Pages from a server on loopback: redirects, compression, guessed encodings, names that are not ASCII.

Root: requests; has compiled modules, data files.
"""

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import requests
from requests import adapters, certs, utils


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body, headers, status = b"ok", {}, 200
        if self.path == "/moved":
            status, headers = 302, {"Location": "/gzip"}
        elif self.path == "/gzip":
            body, headers = gzip.compress(json.dumps({"a": [1, 2]}).encode()), {"Content-Encoding": "gzip"}
        elif self.path == "/text":
            body = ("Съешь же ещё этих мягких французских булок, да выпей чаю. " * 9).encode("cp1251")
        elif self.path == "/headers":
            body = json.dumps({name: self.headers[name] for name in ("Accept", "Accept-Encoding", "Cookie")}).encode()
            headers = {"Set-Cookie": "k=v"}
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}"
with requests.Session() as session:
    session.trust_env = False
    moved = session.get(f"{base}/moved")
    print(moved.status_code, [each.status_code for each in moved.history], moved.json())
    text = session.get(f"{base}/text")
    print("guessed", text.apparent_encoding, text.encoding, text.text[:20])
    print("headers", session.get(f"{base}/headers").text)
    print("again", session.get(f"{base}/headers").json()["Cookie"])
    try:
        session.get("http://127.0.0.1:1/", timeout=5)
    except requests.ConnectionError as error:
        print("refused", type(error).__name__)
server.shutdown()

prepared = requests.Request("POST", "http://bücher.example/ü?q=é", json={"x": 1}, auth=("u", "p")).prepare()
print(prepared.url, prepared.headers["Authorization"], prepared.body)
prepared = requests.Request("POST", "https://a.example", files={"f": ("n.txt", b"data")}).prepare()
print(prepared.headers["Content-Type"].split(";")[0], len(prepared.body))
print("authorities", certs.where().endswith("cacert.pem"), Path(certs.where()).stat().st_size > 100_000)
print("socks", adapters.SOCKSProxyManager.__module__, utils.default_user_agent().split("/")[0])
