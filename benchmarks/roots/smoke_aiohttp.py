"""A server and a client on loopback: JSON, forms, compression, web sockets; the compiled parts are shown.

Root: aiohttp; has compiled speed-ups.
"""

import asyncio

import aiohttp
import frozenlist
import multidict
import propcache.api
import yarl
from aiohttp import http_parser, http_writer, web, web_log
from aiohttp.resolver import DefaultResolver


async def echo(request: web.Request) -> web.StreamResponse:
    fields = await request.post()
    answer = web.json_response({"path": request.path, **{name: str(value) for name, value in fields.items()}})
    answer.enable_compression(web.ContentCoding.gzip)
    return answer


async def socket(request: web.Request) -> web.StreamResponse:
    answer = web.WebSocketResponse()
    await answer.prepare(request)
    async for message in answer:
        await answer.send_str(message.data.upper())
        await answer.close()
    return answer


async def accepted(request: web.Request) -> web.StreamResponse:
    return web.Response(text=f"{request.headers['Accept-Encoding']} {request.headers['User-Agent'].split('/')[0]}")


async def main() -> None:
    application = web.Application()
    application.add_routes([web.post("/echo/{n}", echo), web.get("/socket", socket), web.get("/accepted", accepted)])
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = yarl.URL(f"http://127.0.0.1:{runner.addresses[0][1]}")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.post(base / "echo" / "ü b", data={"x": "1"}) as answer:
            print(answer.status, answer.headers["Content-Encoding"], await answer.json())
        async with session.get(base / "accepted") as answer:
            print(await answer.text())
        async with session.get(base / "none") as answer:
            print(answer.status, answer.reason)
        async with session.ws_connect(base / "socket", compress=15) as connection:
            await connection.send_str("hello")
            print((await connection.receive()).data, (await connection.receive()).type.name)
        try:
            await session.get("http://127.0.0.1:1/")
        except aiohttp.ClientConnectorError as error:
            print(type(error).__name__, error.port)
    await runner.cleanup()


asyncio.run(main())
for name, thing in {
    "parser": http_parser.HttpRequestParser,
    "writer": http_writer._serialize_headers,
    "multidict": multidict.CIMultiDict,
    "frozenlist": frozenlist.FrozenList,
    "propcache": propcache.api.under_cached_property,
}.items():
    print(name, thing.__module__, "Py" in thing.__name__ or "py_" in thing.__name__)
print(yarl.URL("http://bücher.example/a b?q=ü").human_repr(), yarl.URL("http://bücher.example/a b"))
print(DefaultResolver.__name__, aiohttp.hdrs.ACCEPT, web_log.AccessLogger.LOG_FORMAT_MAP["a"])
