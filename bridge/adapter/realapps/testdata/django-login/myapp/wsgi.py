import os

import django
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "myapp.settings"
django.setup()
call_command("migrate", verbosity=0)

from django.contrib.auth.models import User  # noqa: E402, needs the setup above

User.objects.create_user("ann", password="correct horse & battery + staple")
User.objects.create_user("bob", password="пароль = öäü %41")
User.objects.create_user("gone", password="gone", is_active=False)

application = get_wsgi_application()
