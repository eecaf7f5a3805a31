import os

import django
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "myapp.settings"
django.setup()
call_command("migrate", verbosity=0)

application = get_wsgi_application()
