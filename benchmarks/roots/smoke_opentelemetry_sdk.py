"""Spans, metrics and logs go to exporters in memory and to the console; propagators are found by their names.

Root: opentelemetry-sdk; has entry points, namespaces, plug-ins.
"""

import os
import pkgutil
import sys
from importlib.metadata import entry_points

os.environ["OTEL_RESOURCE_ATTRIBUTES"] = "service.name=shop"
os.environ["OTEL_PROPAGATORS"] = "tracecontext,baggage"
os.environ["OTEL_EXPERIMENTAL_RESOURCE_DETECTORS"] = "otel,process"

import opentelemetry
from opentelemetry import baggage, context, metrics, propagate, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource, get_aggregated_resources
from opentelemetry.sdk.trace import TracerProvider, id_generator, sampling
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv.resource import ResourceAttributes


class Counted(id_generator.IdGenerator):
    number = 0

    def generate_span_id(self):
        self.number += 1
        return self.number

    def generate_trace_id(self):
        return 7


memory = InMemorySpanExporter()
provider = TracerProvider(id_generator=Counted(), sampler=sampling.ParentBased(sampling.TraceIdRatioBased(1)))
provider.add_span_processor(SimpleSpanProcessor(memory))
form = lambda span: f"{span.name} {span.get_span_context().span_id} {dict(span.attributes)}\n"
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=sys.stdout, formatter=form)))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("t", "1")
with tracer.start_as_current_span("outer", attributes={"a": 1}) as outer:
    carrier: dict[str, str] = {}
    propagate.inject(carrier, baggage.set_baggage("k", "v ü"))
    print(carrier)
    try:
        with tracer.start_as_current_span("inner"):
            raise ValueError("wrong")
    except ValueError:
        outer.add_event("caught")
print(
    [
        (span.name, span.status.status_code.name, [event.name for event in span.events])
        for span in memory.get_finished_spans()
    ]
)
print(
    trace.get_current_span(propagate.extract(carrier)).get_span_context().is_remote,
    baggage.get_all(propagate.extract(carrier)),
)
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
meter = metrics.get_meter("m")
meter.create_counter("c", unit="1").add(3, {"x": "y"})
meter.create_histogram("h").record(12)
for each in reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics:
    print(each.name, type(each.data).__name__, [dict(point.attributes) for point in each.data.data_points])
resource = Resource.create({ResourceAttributes.SERVICE_VERSION: "2"})
print(
    sorted(resource.attributes), resource.attributes["service.name"], len(get_aggregated_resources([]).attributes) > 2
)
print("context", type(context._RUNTIME_CONTEXT).__name__)
for group in (
    "context",
    "propagator",
    "resource_detector",
    "id_generator",
    "environment_variables",
    "traces_exporter",
    "tracer_provider",
    "traces_sampler",
):
    print(group, sorted(each.name for each in entry_points(group=f"opentelemetry_{group}")))
print("namespace", sorted(each.name for each in pkgutil.iter_modules(opentelemetry.__path__)))
os.environ["OTEL_TRACES_EXPORTER"] = "otlp"
from opentelemetry.sdk import _configuration

try:
    _configuration._initialize_components()
except RuntimeError as error:
    print("refused:", error)
