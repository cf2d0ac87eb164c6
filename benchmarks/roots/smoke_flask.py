"""An application with templates, a signed session, signals and a command line.

Root: flask; has entry points, compiled speed-ups.
"""

from importlib.metadata import entry_points, version

import flask
import markupsafe
from flask import Flask, render_template_string, request, session, signals
from flask.cli import FlaskGroup

application = Flask("shop")
application.secret_key = "secret"
rendered = []
signals.template_rendered.connect(lambda _, template, **__: rendered.append(template.name), application, weak=False)


@application.route("/<name>")
def greet(name: str) -> str:
    session["visits"] = session.get("visits", 0) + 1
    text = "{% for n in range(visits) %}{{ name }}{{ n }} {% endfor %}"
    return render_template_string(text, name=name, visits=session["visits"])


@application.post("/sum")
def add() -> flask.Response:
    return flask.jsonify(sum=sum(request.get_json()))


@application.cli.command("hello")
def hello() -> None:
    """Say hello."""
    print("hello from a command")


client = application.test_client()
for name in ("a", "<b>", "c&d"):
    answer = client.get(f"/{name}")
    print(answer.status, answer.headers["Content-Type"], answer.text, "Vary" in answer.headers)
print(client.post("/sum", json=[1, 2, 3]).text.strip(), client.get("/").status, client.post("/sum", data="x").status)
cookie = client.get_cookie("session")
print("signed", application.session_interface.get_signing_serializer(application).loads(cookie.value))
print("signals", len(rendered), "escape", markupsafe.escape("<>"), markupsafe._speedups is not None)
result = application.test_cli_runner().invoke(args=["hello"])
print(result.exit_code, result.output.strip())
group = FlaskGroup(create_app=lambda: application)
print(application.test_cli_runner().invoke(group, ["routes"]).output)
print("commands", sorted(each.name for each in entry_points(group="flask.commands")), version("flask")[:1])
print("async", application.ensure_sync(greet) is greet)
