# What every Django project has; the rest is the preset's setup, which follows.
from pathlib import Path

SECRET_KEY = "for tests only"
ALLOWED_HOSTS = ["app.example.com", "127.0.0.1"]
ROOT_URLCONF = "myapp.urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": Path(__file__).resolve().parent.parent / "db.sqlite3",
    }
}

