from django.http import JsonResponse
from django.urls import path


def whoami(request):
    """What Django itself says of the user; role and name are what the app's own
    code finds in the headers."""
    if not request.user.is_authenticated:
        return JsonResponse({}, status=403)
    return JsonResponse({
        "user": request.user.get_username(),
        "role": request.headers["Remote-Role"],
        "name": request.headers.get("Remote-Name", request.user.get_username()),
        "groups": request.headers.get("Remote-Groups", ""),
    })


urlpatterns = [path("", whoami), path("whoami", whoami)]
