"""Checks tokens by PyJWT, with what two apps give it. Reads a JSON object, and writes
what each app makes of it: the claims, or why not."""

import json
import sys

import jwt


def redash(keys, token):
    """As redash/authentication/jwt_auth.py does: every key as one of RSA, no leeway."""
    public = [jwt.algorithms.RSAAlgorithm.from_jwk(json.dumps(key)) for key in keys]
    claims = jwt.decode(token, key=public[0], audience="redash", algorithms=["RS256"])
    if claims["iss"] != "ssobridge":
        raise ValueError("issuer")
    return claims


def zulip(secret, token):
    """As zerver/views/auth.py does: no audience."""
    return jwt.decode(token, secret, algorithms=["HS256"], options={"verify_signature": True})


def attempt(check, *given):
    try:
        return {"claims": check(*given)}
    except Exception as e:
        return {"refused": type(e).__name__}


asked = json.load(sys.stdin)
json.dump([attempt(redash, asked["keys"], t) for t in asked["redash"]]
          + [attempt(zulip, asked["secret"], t) for t in asked["zulip"]], sys.stdout)
