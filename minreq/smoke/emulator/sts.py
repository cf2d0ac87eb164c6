"""The AWS Security Token Service, query protocol with XML answers: roles for a key pair or a web identity.

Source: https://docs.aws.amazon.com/STS/latest/APIReference/
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from urllib.parse import parse_qsl

from minreq.smoke.emulator import sigv4
from minreq.smoke.emulator.message import Request, Response

_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
_ACCOUNT = "123456789012"
_REQUEST_ID = "00000000-0000-4000-8000-000000000001"
#: Temporary credentials expire long after any run, and at the same time in every run.
_EXPIRATION = "2100-01-01T00:00:00Z"


def answer(request: Request) -> Response | None:
    """Answer a call of STS; return ``None`` for any other request."""
    if request.raw_path != "/" or "x-www-form-urlencoded" not in request.header("content-type"):
        return None
    form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
    try:
        return _action(request, form)
    except sigv4.SignatureError as error:
        status = 400 if error.code == "InvalidIdentityToken" else 403
        return _error(status, error.code.removesuffix("Exception"), error.message)


def _action(request: Request, form: Mapping[str, str]) -> Response:
    action = form.get("Action", "")
    if action == "AssumeRoleWithWebIdentity":
        token = form.get("WebIdentityToken", "")
        if token.count(".") != 2:  # noqa: PLR2004 - header, claims, signature of a JSON web token
            raise sigv4.SignatureError("InvalidIdentityToken", "The ID Token provided is not a valid JWT.")
        return _assume_role(action, form, "<Audience>sts.amazonaws.com</Audience><Provider>emulator.example</Provider>")
    if action not in {"AssumeRole", "GetCallerIdentity"}:
        return _error(400, "InvalidAction", f"Could not find operation {action} for version 2011-06-15")
    credentials = sigv4.verify(request, "sts")
    if action == "AssumeRole":
        return _assume_role(action, form, "")
    role = sigv4.role_of(credentials.token)
    arn = _role_arn(role, "session") if role else f"arn:aws:iam::{_ACCOUNT}:user/emulator"
    return _result(action, f"<Arn>{escape(arn)}</Arn><UserId>AIDAEMULATOR</UserId><Account>{_ACCOUNT}</Account>")


def _assume_role(action: str, form: Mapping[str, str], more: str) -> Response:
    role, session = form.get("RoleArn", ""), form.get("RoleSessionName", "")
    if not role.startswith("arn:aws:iam::") or not session:
        return _error(400, "ValidationError", f"RoleArn {role!r} or RoleSessionName {session!r} is invalid.")
    credentials = sigv4.session_credentials(role)
    return _result(
        action,
        f"<AssumedRoleUser><AssumedRoleId>AROAEMULATOR:{escape(session)}</AssumedRoleId>"
        f"<Arn>{escape(_role_arn(role, session))}</Arn></AssumedRoleUser>"
        f"<Credentials><AccessKeyId>{credentials.key}</AccessKeyId>"
        f"<SecretAccessKey>{escape(credentials.secret)}</SecretAccessKey>"
        f"<SessionToken>{escape(credentials.token)}</SessionToken><Expiration>{_EXPIRATION}</Expiration></Credentials>"
        f"<PackedPolicySize>6</PackedPolicySize>{more}",
    )


def _role_arn(role: str, session: str) -> str:
    return f"arn:aws:sts::{_ACCOUNT}:assumed-role/{role.rpartition('/')[2]}/{session}"


def _result(action: str, result: str) -> Response:
    return _xml(
        200,
        f'<{action}Response xmlns="{_NAMESPACE}"><{action}Result>{result}</{action}Result>'
        f"<ResponseMetadata><RequestId>{_REQUEST_ID}</RequestId></ResponseMetadata></{action}Response>",
    )


def _error(status: int, code: str, message: str) -> Response:
    return _xml(
        status,
        f'<ErrorResponse xmlns="{_NAMESPACE}"><Error><Type>Sender</Type><Code>{code}</Code>'
        f"<Message>{escape(message)}</Message></Error><RequestId>{_REQUEST_ID}</RequestId></ErrorResponse>",
    )


def _xml(status: int, document: str) -> Response:
    headers = (("content-type", "text/xml"), ("x-amzn-requestid", _REQUEST_ID))
    return Response(status=status, headers=headers, body=document.encode())
