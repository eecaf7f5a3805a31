"""Django with django.contrib.auth: who somebody is by a Cookie header.

Each line of the input is JSON, {"engine": ..., "cookie": ..., "password": ...}: a
visit with that header, after Ann's password was changed, if there is one. Each line
of the output is the user's name and what the app has in their session.
"""
import json
import sys

import django
from django.conf import settings

socket, secret = sys.argv[1:]
settings.configure(
    SECRET_KEY=secret,
    ALLOWED_HOSTS=["*"],
    USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "postgres", "HOST": socket}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
)
django.setup()

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import User
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.management import call_command
from django.http import HttpResponse
from django.test import RequestFactory

call_command("migrate", verbosity=0)
User.objects.create_user("ann", "ann@example.com", "correct horse")
User.objects.create_user("bob", "bob@example.com", "battery staple")
User.objects.create_user("eve", "eve@example.com", "hush", is_active=False)
User.objects.create_user("two", "two@example.com", "hush")
User.objects.create_user("too", "two@example.com", "hush")
print(json.dumps("ready"), flush=True)

for line in sys.stdin:
    asked = json.loads(line)
    if asked.get("password"):
        ann = User.objects.get(username="ann")
        ann.set_password(asked["password"])
        ann.save()
    answer = {}

    def view(request):
        answer["user"] = request.user.username
        answer["seen"] = request.session.get("seen", 0)
        request.session["seen"] = answer["seen"] + 1
        return HttpResponse()

    settings.SESSION_ENGINE = "django.contrib.sessions.backends." + asked["engine"]
    request = RequestFactory().get("/", HTTP_COOKIE=asked["cookie"])
    response = SessionMiddleware(AuthenticationMiddleware(view))(request)
    answer["set"] = {name: morsel.value for name, morsel in response.cookies.items()}
    print(json.dumps(answer), flush=True)
