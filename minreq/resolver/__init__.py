"""Pins the root and its declared closure with resolvelib, as pip does.

A distribution that the root requires and does not import never blocks a version. Where the root imports one that
cannot be installed, the resolver chooses an older version of the root.
"""

from minreq.resolver.inputs import ResolverInput
from minreq.resolver.releases import Incompatibility, choose_files
from minreq.resolver.resolution import extend, resolve

__all__ = ["Incompatibility", "ResolverInput", "choose_files", "extend", "resolve"]
