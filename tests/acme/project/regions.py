"""The region of a request, as docs/settings.md names it."""


def of_request(request):
    return {"region": request.headers.get("X-Region", "")}
