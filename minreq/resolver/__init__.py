"""Pins the declared closure of a root package, as pip would, with resolvelib.

What nothing needs never blocks; what is needed and cannot be had steps the root back to an older version.
"""

from minreq.resolver.demand import Builder, Demand, Forecast, Index
from minreq.resolver.resolution import extend, resolve

__all__ = ["Builder", "Demand", "Forecast", "Index", "extend", "resolve"]
