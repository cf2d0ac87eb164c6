"""The frozen values that the rooms exchange."""

from minreq.model.distributions import (
    LAMBDA_LIMIT,
    LAMBDA_UPLOAD_LIMIT,
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
from minreq.model.filenames import split_sdist_filename
from minreq.model.lock import Certificate, Kept, LeftOut, Lock, Outcome, Selection, is_near
from minreq.model.plan import EMPTY, Command, Group, Plan, Script
from minreq.model.questions import Answer, Asker, Frame, Question, QuestionKind

__all__ = [
    "EMPTY",
    "LAMBDA_LIMIT",
    "LAMBDA_UPLOAD_LIMIT",
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
    "Outcome",
    "PassedOver",
    "Plan",
    "Platform",
    "Question",
    "QuestionKind",
    "RecordedRequest",
    "Request",
    "Resolution",
    "Script",
    "Sdist",
    "Selection",
    "StageBehaviour",
    "Wheel",
    "is_near",
    "parsing",
    "split_sdist_filename",
]
