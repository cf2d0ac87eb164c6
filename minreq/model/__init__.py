"""The frozen values that pass between the rooms."""

from minreq.model.distributions import (
    LAMBDA_LIMIT,
    Candidate,
    Member,
    Metadata,
    PassedOver,
    Platform,
    Resolution,
    Sdist,
    Wheel,
)
from minreq.model.evidence import (
    Behaviour,
    Difference,
    Evidence,
    Failure,
    Masked,
    RecordedRequest,
    Request,
    StageBehaviour,
)
from minreq.model.lock import Certificate, Kept, LeftOut, Lock, Outcome, Selection
from minreq.model.plan import EMPTY, Command, Group, Plan, Script
from minreq.model.questions import Answer, Asker, Frame, Need, Question

__all__ = [
    "EMPTY",
    "LAMBDA_LIMIT",
    "Answer",
    "Asker",
    "Behaviour",
    "Candidate",
    "Certificate",
    "Command",
    "Difference",
    "Evidence",
    "Failure",
    "Frame",
    "Group",
    "Kept",
    "LeftOut",
    "Lock",
    "Masked",
    "Member",
    "Metadata",
    "Need",
    "Outcome",
    "PassedOver",
    "Plan",
    "Platform",
    "Question",
    "RecordedRequest",
    "Request",
    "Resolution",
    "Script",
    "Sdist",
    "Selection",
    "StageBehaviour",
    "Wheel",
]
