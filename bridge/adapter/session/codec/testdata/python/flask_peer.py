"""A Flask app with Flask-Login. Arguments: SECRET_KEY, and the fallbacks to it."""

import sys

from flask import Flask, session
from flask_login import LoginManager, UserMixin, current_user

from peer import serve, typed

app = Flask(__name__)
# What Flask 3.1 hands to itsdangerous of SECRET_KEY and SECRET_KEY_FALLBACKS.
app.secret_key = [*sys.argv[2:], sys.argv[1]]
login = LoginManager(app)


@login.user_loader
def load(user_id):
    user = UserMixin()
    user.id = user_id
    return user if user_id == "42" else None


seen = {}


@app.route("/")
def index():
    seen["session"] = typed(dict(session))
    seen["user"] = current_user.get_id() if current_user.is_authenticated else None
    seen["change"](session)
    return ""


client = app.test_client(use_cookies=False)


def visit(cookie, change):
    seen["change"] = change
    response = client.get("/", headers={"Cookie": cookie})
    assert response.status_code == 200, response.status
    return seen["user"], seen["session"], response.headers.getlist("Set-Cookie")


serve(visit)
