"""A Django app with its own users. Arguments: SESSION_ENGINE's last part, SECRET_KEY,
the password of user 1, DATABASES["default"] as JSON, and if USE_TZ is False, "local".

Says the stored hash of the user's password on its first line."""

import datetime
import json
import os
import sys
import time
from unittest import mock

import django
from django.conf import settings
from django.http import HttpResponse
from django.urls import path

from peer import serve, typed

engine, secret, password, database = sys.argv[1:5]
local = sys.argv[5:] == ["local"]
os.environ["TZ"] = "Asia/Tokyo"  # as Django does with settings that are a module
time.tzset()
seen = {}


def index(request):
    seen["user"] = request.user.get_username() if request.user.is_authenticated else None
    seen["session"] = typed(dict(request.session))
    seen["change"](request.session)
    return HttpResponse("")


urlpatterns = [path("", index)]

settings.configure(
    ALLOWED_HOSTS=["testserver"],
    DATABASES={"default": json.loads(database)},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    ROOT_URLCONF=__name__,
    SECRET_KEY=secret,
    SESSION_ENGINE="django.contrib.sessions.backends." + engine,
    USE_TZ=not local,
    TIME_ZONE=os.environ["TZ"],
    SILENCED_SYSTEM_CHECKS=["models.W042"],
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402

call_command("migrate", verbosity=0)
user = User.objects.filter(username="ann").first() or User.objects.create_user("ann", password=password)
assert user.pk == 1
print(json.dumps(user.password), flush=True)


def now():
    return datetime.datetime.fromtimestamp(time.time(), None if local else datetime.timezone.utc)


def visit(cookie, change):
    seen["change"] = change
    with mock.patch("django.utils.timezone.now", now):
        response = Client().get("/", HTTP_COOKIE=cookie)
    assert response.status_code == 200, response.status_code
    return seen["user"], seen["session"], [m.OutputString() for m in response.cookies.values()]


serve(visit)
