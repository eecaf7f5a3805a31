from django.contrib.auth import views
from django.contrib.auth.decorators import login_required
from django.http import JsonResponse
from django.urls import path


@login_required
def whoami(request):
    """What Django itself says of the user."""
    return JsonResponse({"user": request.user.get_username()})


urlpatterns = [
    path("", whoami),
    path("accounts/login/", views.LoginView.as_view(template_name="login.html")),
    path("accounts/logout/", views.LogoutView.as_view(next_page="/accounts/login/")),
]
