"""Token endpoints of OAuth 2.0: Google's for service accounts, and that of Entra ID for an application, in ADFS style.

Sources: RFC 7523, https://developers.google.com/identity/protocols/oauth2/service-account and
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from urllib.parse import parse_qsl

from minreq.smoke.emulator import content
from minreq.smoke.emulator.message import Request, Response, json_response

#: The token that Google's endpoint issues; the emulated Vertex AI accepts no other.
GOOGLE_TOKEN = "ya29.example"  # noqa: S105 - It opens nothing.
_ENTRA_TOKEN = "example-of-entra"  # noqa: S105
_SECONDS = 3599
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def answer(request: Request) -> Response | None:
    """Answer as a token endpoint; return ``None`` for any other request."""
    match request.segments:
        case ("google", "token"):
            return _google_token(_form(request))
        case ("adfs", ".well-known", "openid-configuration"):
            return json_response(_configuration(f"https://{request.header('host')}/adfs"))
        case ("adfs", "oauth2", "token"):
            return _entra_token(_form(request))
    return None


def _form(request: Request) -> Mapping[str, str]:
    return dict(parse_qsl(request.body.decode("utf-8", "replace")))


def _google_token(form: Mapping[str, str]) -> Response:
    if form.get("grant_type") != _JWT_BEARER:
        return _error("unsupported_grant_type", "Invalid grant_type")
    try:
        header, claims = (_decode(part) for part in form["assertion"].split(".")[:2])
        complete = header["alg"] == "RS256" and {"iss", "aud", "iat", "exp", "scope"} <= claims.keys()
    except (KeyError, ValueError):
        complete = False
    if not complete:
        return _error("invalid_grant", "Invalid JWT: it must be signed with RS256 and have all required claims.")
    return json_response({"access_token": GOOGLE_TOKEN, "expires_in": _SECONDS, "token_type": "Bearer"})


def _decode(part: str) -> dict[str, object]:
    decoded = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    if not isinstance(decoded, dict):
        message = "not a JSON object"
        raise ValueError(message)  # noqa: TRY004 - For the client both are a bad token.
    return decoded


def _configuration(issuer: str) -> dict[str, str]:
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth2/authorize",
        "token_endpoint": f"{issuer}/oauth2/token",
    }


def _entra_token(form: Mapping[str, str]) -> Response:
    if form.get("grant_type") != "client_credentials" or not form.get("client_id"):
        return _error("invalid_request", "AADSTS900144: The request body must contain 'client_id'.")
    secret = form.get("client_secret", "")
    if not secret or content.REFUSED in secret:
        return _error("invalid_client", "AADSTS7000215: Invalid client secret provided.", status=401)
    return json_response({"token_type": "Bearer", "expires_in": _SECONDS, "access_token": _ENTRA_TOKEN})


def _error(error: str, description: str, *, status: int = 400) -> Response:
    return json_response({"error": error, "error_description": description}, status=status)
