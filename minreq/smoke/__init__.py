"""Run a smoke in a child interpreter, and emulate the providers that it calls."""

__all__ = [
    "absentfile",
    "answers",
    "compiler",
    "emulatorprocess",
    "environment",
    "interrupts",
    "isolation",
    "machinefiles",
    "paths",
    "plainrun",
    "processes",
    "pytestevents",
    "pythonrun",
    "results",
    "run",
    "runfolder",
    "runsetup",
    "start",
    "tools",
    "visible",
]
