from flask import Flask, g, jsonify, session

app = Flask(__name__)
app.secret_key = "for tests only"

# SETUP


@app.route("/")
@app.route("/whoami")
def whoami():
    # A session of the app's own, which must not decide who somebody is.
    session.setdefault("first", g.user)
    return jsonify(user=g.user, role=g.role, name=g.name, groups="|".join(g.groups))
