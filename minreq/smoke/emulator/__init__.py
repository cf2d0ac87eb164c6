"""The local server that answers in place of the providers: a process of its own, one file for each wire protocol.

It uses the standard library only. :mod:`minreq.smoke.emulator.__main__` describes the commands of the process,
:mod:`minreq.smoke.emulator.routing` lists the protocols. A protocol is a function from a
:class:`~minreq.smoke.emulator.message.Request` to a :class:`~minreq.smoke.emulator.message.Response`. It keeps no
state, and equal requests get equal answers.
"""

__all__ = ["routing"]
