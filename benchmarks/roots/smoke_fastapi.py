"""An application called without a server: validation, dependencies, forms, the schema; what is not declared is asked for.

Root: fastapi; has compiled modules, a program.
"""

import asyncio
import json
from dataclasses import dataclass
from datetime import date
from typing import Annotated

import fastapi
import pydantic
import pydantic_core
from fastapi import Depends, FastAPI, Form, Header, Query
from fastapi.responses import HTMLResponse, StreamingResponse
from starlette.middleware.gzip import GZipMiddleware

application = FastAPI(title="Shop")
application.add_middleware(GZipMiddleware, minimum_size=500)


class Item(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    name: Annotated[str, pydantic.StringConstraints(min_length=2, pattern="^[a-z]+$")]
    price: pydantic.PositiveFloat
    made: date | None = None
    tags: set[str] = set()


@dataclass
class Page:
    size: int = Query(10, le=100)


@application.post("/items/{shop}", response_model_exclude_none=True)
async def make(
    shop: int, item: Item, page: Annotated[Page, Depends()], x_token: Annotated[str | None, Header()] = None
) -> Item:
    return item.model_copy(update={"tags": {f"{shop}-{page.size}-{x_token}"}})


@application.get("/stream")
def stream() -> StreamingResponse:
    return StreamingResponse(iter(["a", "b"]))


@application.get("/page")
def page() -> HTMLResponse:
    return HTMLResponse("x" * 600)


async def call(method: str, path: str, body: object = None) -> None:
    sent = []
    target, _, query = path.partition("?")
    headers = [(b"content-type", b"application/json"), (b"x-token", b"t"), (b"accept-encoding", b"gzip")]
    scope = {"type": "http", "method": method, "path": target, "query_string": query.encode(), "headers": headers}
    messages = [{"type": "http.request", "body": json.dumps(body).encode()}]

    async def receive() -> dict:
        return messages.pop(0) if messages else await asyncio.Event().wait()

    async def send(message: dict) -> None:
        sent.append(message)

    await application(scope, receive, send)
    content = b"".join(message.get("body", b"") for message in sent[1:])
    print(method, path, sent[0]["status"], content[:300] if content[:2] != b"\x1f\x8b" else "zipped")


async def main() -> None:
    await call("POST", "/items/1?size=5", {"name": "pen", "price": 2, "made": "2024-02-29"})
    await call("POST", "/items/x?size=500", {"name": "P", "price": -1, "made": "no", "more": 1})
    await call("GET", "/stream")
    await call("GET", "/page")
    await call("GET", "/none")
    await call("GET", "/docs")


asyncio.run(main())
print(sorted(application.openapi()["components"]["schemas"]), application.openapi()["openapi"])
for name, use in {
    "form": lambda: FastAPI().post("/")(lambda a=Form(): a),
    "client": lambda: __import__("fastapi.testclient"),
    "templates": lambda: __import__("fastapi.templating").templating.Jinja2Templates("."),
    "email": lambda: pydantic.TypeAdapter(pydantic.EmailStr),
    "command line": lambda: __import__("fastapi.cli").cli.main(),
    "ujson": lambda: fastapi.responses.UJSONResponse({}),
}.items():
    try:
        print(name, type(use()).__name__)
    except BaseException as error:
        print(name, type(error).__name__, str(error).splitlines()[0][:80])
print(pydantic_core.SchemaValidator.__module__, pydantic.version.version_info().count("\n") > 3)
