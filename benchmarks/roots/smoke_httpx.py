"""Requests to a transport in memory and to a server on loopback: encodings, redirects, streams, coroutines.

Root: httpx; has a program, data files.
"""

import asyncio
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx


def answer(request: httpx.Request) -> httpx.Response:
    if request.url.path == "/moved":
        return httpx.Response(307, headers={"Location": "/there?x=1"})
    return httpx.Response(200, json={"url": str(request.url), "accepts": request.headers["Accept-Encoding"]})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"caf\xe9!")

    def log_message(self, *_):
        pass


with httpx.Client(
    transport=httpx.MockTransport(answer), base_url="https://bücher.example", follow_redirects=True
) as client:
    moved = client.get("/moved")
    print(moved.status_code, [each.status_code for each in moved.history], moved.json(), moved.url.host)
    for url in ("https://faß.example/", "http://xn--fiqs8s/", "http://a.example:80/a%20b?c=d&c=é"):
        print(client.get(url).json()["url"], httpx.URL(url).host)
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}/"


async def main() -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        answers = await asyncio.gather(*(client.get(base) for _ in range(2)))
        print([each.http_version for each in answers], answers[0].text, answers[0].encoding)
        async with client.stream("GET", base) as stream:
            print([len(part) async for part in stream.aiter_bytes(2)])
        try:
            await client.get("http://127.0.0.1:1/")
        except httpx.ConnectError as error:
            print(type(error).__name__, error)


asyncio.run(main())
server.shutdown()
for name, call in {
    "http2": lambda: httpx.Client(http2=True),
    "socks": lambda: httpx.Client(proxy="socks5://127.0.0.1:1"),
    "authorities": lambda: len(httpx.create_ssl_context().get_ca_certs()) > 50,
}.items():
    try:
        print(name, call())
    except ImportError as error:
        print(name, str(error)[:70])
print(httpx.codes(418).name, httpx._decoders.SUPPORTED_DECODERS.keys())
done = subprocess.run([Path(sys.executable).with_name("httpx"), "--help"], capture_output=True, text=True, check=False)
print("program", done.returncode, done.stdout.splitlines()[:2], done.stderr.splitlines()[:2])
