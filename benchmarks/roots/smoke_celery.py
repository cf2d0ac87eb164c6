"""Tasks, chains and schedules run by a worker in this process, with a broker in memory; codecs are asked for.

Root: celery; has entry points, plug-ins, a program, data files.
"""

import logging
import zoneinfo
from datetime import datetime, timedelta, timezone
from importlib.metadata import entry_points

import kombu
from celery import Celery, chain, chord, group
from celery.app import backends
from celery.bin.celery import celery as program
from celery.contrib.testing.worker import start_worker
from celery.schedules import crontab, solar
from click.testing import CliRunner
from kombu import compression, serialization, transport
from kombu.utils.url import parse_url

logging.getLogger().setLevel(logging.CRITICAL)
application = Celery("shop", broker="memory://", backend="cache+memory://")
application.conf.update(timezone="Europe/Berlin", result_expires=60, broker_connection_retry_on_startup=False)


@application.task(name="add")
def add(x, y):
    return x + y


@application.task(name="total")
def total(parts):
    return sum(parts)


@application.task(bind=True, name="again", max_retries=2)
def again(self):
    if self.request.retries < 2:
        raise self.retry(countdown=0)
    return self.request.retries


with start_worker(application, pool="solo", perform_ping_check=False, loglevel="CRITICAL"):
    print(add.delay(1, 2).get(timeout=20), chain(add.s(1, 2), add.s(3))().get(timeout=20))
    print(group(add.s(n, n) for n in range(3))().get(timeout=20), again.delay().get(timeout=20))
    print(chord([add.s(1, 1), add.s(2, 2)])(total.s()).get(timeout=20))
    try:
        add.delay(1, "x").get(timeout=20)
    except TypeError as error:
        print("refused:", error)
for name in ("json", "pickle", "yaml", "msgpack", "none"):
    try:
        print(name, serialization.dumps({"a": [1, "ü"]}, serializer=name)[:2])
    except Exception as error:
        print(name, type(error).__name__, error)
print(
    "compression",
    sorted(compression.encoders()),
    "entry points",
    sorted(each.name for each in entry_points(group="kombu.serializers")),
)
for name in ("redis://", "sqs://", "pyamqp://", "mongodb://", "filesystem://", "none://"):
    try:
        print(name, transport.get_transport_cls(name[:-3]).__name__)
    except Exception as error:
        print(name, type(error).__name__, error)
for name in ("redis://", "db+sqlite://", "rpc://", "s3://", "file:///x"):
    try:
        print(name, backends.by_url(name)[0].__name__)
    except Exception as error:
        print(name, type(error).__name__, str(error)[:70])
now = lambda: datetime(2024, 3, 30, 12, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
print(crontab(minute=0, hour="*/5", nowfun=now, app=application).remaining_estimate(now() - timedelta(hours=1)))
try:
    print(solar("sunset", 52, 13, app=application).remaining_estimate(now()))
except Exception as error:
    print("solar", type(error).__name__, str(error).splitlines()[0])
print(application.timezone, datetime(2024, 7, 1, tzinfo=timezone.utc).astimezone(application.timezone).isoformat())
for arguments in (["--help"], ["report"], ["worker", "--pool", "gevent", "--help"], ["shell", "--help"]):
    result = CliRunner().invoke(program, arguments)
    print(arguments[0], result.exit_code, len(result.output.splitlines()))
print(
    parse_url("redis://u:p%40@h:1/2"),
    kombu.Exchange("e").type,
    sorted(each.name for each in entry_points(group="celery.commands")),
)
