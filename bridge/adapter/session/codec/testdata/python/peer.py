"""What the peers share: requests come as lines of JSON on standard input, of which
each has one answer on standard output."""

import json
import sys
import time
from unittest import mock


def typed(value):
    """A value with its exact Python types, which JSON would lose."""
    name = type(value).__name__
    if isinstance(value, dict):
        return [name, [[key, typed(member)] for key, member in value.items()]]
    if isinstance(value, (list, tuple)):
        return [name, [typed(member) for member in value]]
    if isinstance(value, float):
        return [name, repr(value)]
    return [name, str(value)]


def cookies_set(headers):
    """What Set-Cookie headers set, by name, without their attributes."""
    return dict(h.split(";")[0].split("=", 1) for h in headers)


def serve(visit):
    """Answers requests: visit(cookie_header, change) returns (user, session,
    set_cookie_headers), where change is what the app does to its session."""
    out, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        asked = json.loads(line)
        scope = {}

        def change(session):
            if "change" in asked:
                exec(asked["change"], scope, {"session": session})  # from the test

        answers = []
        now = asked.get("now") or time.time()
        with mock.patch("time.time", lambda: now):
            for cookie in asked["cookies"]:
                user, session, headers = visit(cookie, change)
                answers.append({"user": user, "session": session, "set": cookies_set(headers)})
        out.write(json.dumps(answers) + "\n")
        out.flush()
