"""A web server and its client on loopback, plug-ins, inline callbacks, logs and tests.

Root: twisted; has plug-ins, namespaces, a program, compiled modules.
"""

import io
import subprocess
import sys
from pathlib import Path

import zope.interface
from twisted.application import reactors
from twisted.application.service import IServiceMaker
from twisted.cred import checkers, strcred
from twisted.internet import defer, endpoints, interfaces, reactor, threads
from twisted.logger import Logger, formatEvent, globalLogPublisher
from twisted.plugin import getPlugins
from twisted.python import filepath
from twisted.web import client, resource, server, static, template
from zope.interface import verify


class Page(resource.Resource):
    isLeaf = True

    def render_POST(self, request):
        request.setHeader(b"x-n", b"1")
        return request.content.read().upper() + request.args.get(b"q", [b""])[0]


class Element(template.Element):
    loader = template.XMLString(
        '<p xmlns:t="http://twistedmatrix.com/ns/twisted.web.template/0.1"><t:transparent t:render="name"/></p>'
    )

    @template.renderer
    def name(self, request, tag):
        return tag("a & ü")


events = []
globalLogPublisher.addObserver(
    lambda event: events.append(formatEvent(event)) if event["log_namespace"] == "mine" else None
)


@defer.inlineCallbacks
def main(reactor):
    root = resource.Resource()
    root.putChild(b"page", Page())
    root.putChild(b"data", static.Data(b"bytes", "text/plain"))
    port = yield endpoints.serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(server.Site(root))
    base = b"http://127.0.0.1:%d" % port.getHost().port
    agent = client.ContentDecoderAgent(client.Agent(reactor), [(b"gzip", client.GzipDecoder)])
    producer = client.FileBodyProducer(io.BytesIO(b"body"))
    answer = yield agent.request(b"POST", base + b"/page?q=x", None, producer)
    body = yield client.readBody(answer)
    print(answer.code, answer.headers.getRawHeaders(b"x-n"), body)
    answer = yield agent.request(b"GET", base + b"/none")
    print(answer.code, answer.phrase)
    text = yield template.flattenString(None, Element())
    print(text, (yield threads.deferToThread(sum, [1, 2])))
    try:
        yield agent.request(b"GET", b"https://127.0.0.1:1/")
    except Exception as error:
        print("https", type(error).__name__, str(error)[:80])
    Logger(namespace="mine").info("said {what}", what="this")
    yield port.stopListening()


defer.setDebugging(True)
main(reactor).addErrback(lambda failure: print(failure.getTraceback())).addBoth(lambda _: reactor.stop())
reactor.run()
print(events, type(reactor).__name__, verify.verifyObject(interfaces.IReactorTCP, reactor))
print("services", sorted(each.tapname for each in getPlugins(IServiceMaker)))
print("reactors", sorted(each.shortName for each in reactors.getReactorTypes()))
print(
    "checkers", sorted(each.authType for each in strcred.findCheckerFactories()), checkers.ICredentialsChecker.__name__
)
for name in (
    "twisted.internet.ssl",
    "twisted.conch.ssh.keys",
    "twisted.web.http2",
    "twisted.words.protocols.jabber.client",
    "twisted.mail.smtp",
    "twisted.internet.serialport",
    "twisted._threads",
):
    try:
        __import__(name)
        print(name, "works")
    except Exception as error:
        print(name, type(error).__name__, str(error)[:60])
print(zope.interface.interface.InterfaceBase, filepath.FilePath("a").basename())
Path("test_it.py").write_text(
    "from twisted.trial.unittest import TestCase\nclass T(TestCase):\n    def test_a(self): pass\n    def test_b(self): self.fail('no')\n",
    encoding="utf-8",
)
for command in (
    ["trial", "--reporter=text", "test_it"],
    ["twistd", "--help-reactors"],
    ["twist", "--version"],
    ["trial", "--help-reporters"],
):
    done = subprocess.run(
        [Path(sys.executable).with_name(command[0]), *command[1:]], capture_output=True, text=True, check=False
    )
    print(
        command[0],
        done.returncode,
        [line for line in done.stdout.splitlines() if "Ran" not in line][-6:],
        done.stderr[-100:],
    )
