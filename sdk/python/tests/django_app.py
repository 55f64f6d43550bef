"""An application of Django, for WSGI and for ASGI."""

from __future__ import annotations

from conftest import make
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.urls import path

from callout import django

settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="of a test",
    MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware", "django_app.reads"],
    USE_TZ=True,
)
hooks = make([], [])


def reads(get_response):
    """A middleware that reads what it is told to, and is plain and async as Django has it."""

    def middleware(request):
        kind = request.path.rpartition("-")[2]
        if kind == "body":
            assert request.body
        if kind == "stream":
            request.read(1)
        return get_response(request)

    return middleware


views = {"plain": django.view(hooks), "async": django.async_view(hooks)}
urlpatterns = [path(f"{name}{kind}", view) for name, view in views.items() for kind in ("", "-body", "-stream")]
wsgi = get_wsgi_application()
asgi = get_asgi_application()

if __name__ == "__main__":
    import uvicorn

    uvicorn.run(asgi, port=0, lifespan="off")
