"""Signature Version 4 of AWS: the example credentials, and the check of a signature that a client made with them.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote

from minreq.smoke.emulator.message import Request

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,]+)/(?P<date>\d{8})/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9-]+)"
    r"/aws4_request, ?SignedHeaders=(?P<signed>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A key pair, with the token of a session where it is temporary."""

    key: str
    secret: str
    token: str = ""


#: The example key pair of the AWS documentation: a long-term key.
LONG_TERM = Credentials(key="AKIAIOSFODNN7EXAMPLE", secret="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")  # noqa: S106

_TEMPORARY_KEY = "ASIAIOSFODNN7EXAMPLE"


class SignatureError(Exception):
    """The signature is wrong; ``code`` is the name that AWS gives to the error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def session_credentials(role: str) -> Credentials:
    """Return the credentials of a session in *role*, always the same.

    The token contains the role, so nothing is stored.
    """
    token = base64.b64encode(role.encode() + b"\n" + hmac.digest(LONG_TERM.secret.encode(), role.encode(), "sha256"))
    secret = base64.b64encode(hmac.digest(token, b"secret", "sha256")).decode()[:40]
    return Credentials(key=_TEMPORARY_KEY, secret=secret, token=token.decode())


def role_of(token: str) -> str | None:
    """Return the role that a session token was issued for, ``None`` where the token was not issued here."""
    try:
        role = base64.b64decode(token, validate=True).partition(b"\n")[0].decode()
    except ValueError:
        return None
    return role if hmac.compare_digest(session_credentials(role).token, token) else None


def verify(request: Request, service: str) -> Credentials:
    """Return the credentials that *request* is signed with for *service*; raise `SignatureError` if it is not."""
    authorization = request.header("authorization")
    if not authorization:
        raise SignatureError("MissingAuthenticationTokenException", "Missing Authentication Token")
    match = _AUTHORIZATION.fullmatch(authorization)
    if not match:
        raise SignatureError(
            "IncompleteSignatureException", f"Authorization header has the wrong form: {authorization}"
        )
    time, signed = request.header("x-amz-date"), match["signed"].split(";")
    if not re.fullmatch(rf"{match['date']}T\d{{6}}Z", time):
        raise SignatureError(
            "InvalidSignatureException", f"The credential scope has another date than x-amz-date: {time!r}"
        )
    if match["service"] != service:
        raise SignatureError(
            "InvalidSignatureException", f"Credential should be scoped to correct service: {service!r}."
        )
    required = {"host", *(name for name, _ in request.headers if name.startswith("x-amz-"))}
    if signed != sorted(signed) or not required <= set(signed):
        raise SignatureError("InvalidSignatureException", f"These headers must be signed, in order: {sorted(required)}")
    credentials = _find_credentials(match["key"], request.header("x-amz-security-token"))
    scope = "/".join((match["date"], match["region"], service, "aws4_request"))
    if not hmac.compare_digest(_signature(request, credentials, signed, time, scope), match["signature"]):
        raise SignatureError(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
        )
    return credentials


def _find_credentials(key: str, token: str) -> Credentials:
    """Return the credentials that *key* and *token* belong to."""
    if key == LONG_TERM.key and not token:
        return LONG_TERM
    if key == _TEMPORARY_KEY and (role := role_of(token)) is not None:
        return session_credentials(role)
    raise SignatureError("UnrecognizedClientException", "The security token included in the request is invalid.")


def _signature(request: Request, credentials: Credentials, signed: list[str], time: str, scope: str) -> str:
    body = hashlib.sha256(request.body).hexdigest()
    query = sorted(
        (quote(name, "~"), quote(value, "~")) for name, value in parse_qsl(request.raw_query, keep_blank_values=True)
    )
    canonical = (
        request.method,
        # Every service but S3 signs the path encoded once more than it is sent.
        quote(request.raw_path, "/~"),
        "&".join(f"{name}={value}" for name, value in query),
        *(f"{name}:{' '.join(request.header(name).split())}" for name in signed),
        "",
        ";".join(signed),
        body,
    )
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    key = f"AWS4{credentials.secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}".encode(), "sha256").hex()
