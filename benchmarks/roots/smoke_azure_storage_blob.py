"""Blobs against a server on loopback, connection strings, signatures, encryption.

Root: azure-storage-blob; has namespaces, compiled modules.
"""

import asyncio
import datetime as dt
import pkgutil
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import azure
from azure.core import settings
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobSasPermissions, BlobServiceClient, ContainerClient, generate_blob_sas

KEY = "a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5"
LIST = (
    '<?xml version="1.0"?><EnumerationResults><Blobs><Blob><Name>a</Name><Properties><Content-Length>3</Content-Length>'
    "<BlobType>BlockBlob</BlobType></Properties></Blob></Blobs></EnumerationResults>"
)
SEEN = []


class Handler(BaseHTTPRequestHandler):
    def do_PUT(self):
        SEEN.append(
            (
                self.command,
                self.path,
                self.rfile.read(int(self.headers["Content-Length"])),
                "Authorization" in self.headers,
            )
        )
        self.answer(201, b"")

    def do_GET(self):
        if "none" in self.path:
            self.answer(404, b"<Error><Code>BlobNotFound</Code><Message>no</Message></Error>")
        elif "comp=list" in self.path:
            self.answer(200, LIST.encode())
        else:
            self.answer(206, b"data", **{"Content-Range": "bytes 0-3/4"})

    def answer(self, status, body, **headers):
        self.send_response(status)
        given = {"Content-Length": len(body), "Content-Type": "application/xml", "ETag": '"e"', **headers}
        given["Last-Modified"] = "Wed, 03 Jan 2024 00:00:00 GMT"
        for name, value in given.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}/account"
service = BlobServiceClient(base, credential={"account_name": "account", "account_key": KEY}, retry_total=0)
blob = service.get_blob_client("c", "a")
print(blob.upload_blob(b"data", overwrite=True)["etag"], SEEN)
print(
    blob.download_blob().readall(), [(each.name, each.size) for each in service.get_container_client("c").list_blobs()]
)
try:
    service.get_blob_client("c", "none").download_blob()
except ResourceNotFoundError as error:
    print("refused:", error.error_code, error.status_code)
secret = service.get_blob_client("c", "secret")
secret.require_encryption = True
secret.key_encryption_key = None
try:
    secret.upload_blob(b"x", overwrite=True)
except ValueError as error:
    print("encrypted", error)
server.shutdown()
when = dt.datetime(2040, 1, 1, tzinfo=dt.timezone.utc)
print(generate_blob_sas("account", "c", "a", account_key=KEY, permission=BlobSasPermissions(read=True), expiry=when))
text = f"DefaultEndpointsProtocol=https;AccountName=account;AccountKey={KEY};EndpointSuffix=core.example"
print(ContainerClient.from_connection_string(text, "c").url)


async def main() -> None:
    from azure.storage.blob.aio import BlobClient

    async with BlobClient("https://account.example", "c", "a") as client:
        print(client.url)


try:
    asyncio.run(main())
except ImportError as error:
    print("aio", error)
print(
    "namespace",
    sorted(each.name for each in pkgutil.iter_modules(azure.__path__)),
    settings.settings.tracing_implementation(),
)
