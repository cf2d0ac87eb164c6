"""The local provider server: a process of its own, standard library only, one file per wire protocol.

:mod:`minreq.smoke.emulator.__main__` says how the process is spoken to, :mod:`minreq.smoke.emulator.routing` which
protocols there are. A protocol is a function from a :class:`~minreq.smoke.emulator.message.Request` to a
:class:`~minreq.smoke.emulator.message.Response`; it keeps no state, and equal requests get equal answers.
"""

__all__ = ["routing"]
