"""Pods listed and a config map made, with a kubeconfig, on a server of its own on loopback."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from kubernetes import client, config

POD = {"metadata": {"name": "pod"}, "spec": {"containers": [{"name": "container"}]}}


class Server(BaseHTTPRequestHandler):
    """Answers as the API server does."""

    def do_GET(self) -> None:
        """Send the list of pods."""
        self.answer({"kind": "PodList", "apiVersion": "v1", "items": [POD]})

    def do_POST(self) -> None:
        """Send back what was made."""
        self.answer(json.loads(self.rfile.read(int(self.headers["content-length"]))))

    def answer(self, document: object) -> None:
        """Send *document*."""
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
config.load_kube_config_from_dict(
    {
        "current-context": "context",
        "contexts": [{"name": "context", "context": {"cluster": "cluster", "user": "user"}}],
        "clusters": [{"name": "cluster", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "users": [{"name": "user", "user": {"token": "example"}}],
    }
)
api = client.CoreV1Api()
print([pod.metadata.name for pod in api.list_namespaced_pod("default").items])
made = api.create_namespaced_config_map("default", client.V1ConfigMap(metadata={"name": "map"}, data={"a": "b"}))
print(made.data)
server.shutdown()
