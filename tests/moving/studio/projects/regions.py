"""A context processor: what policies know of a request beside its user and tenant."""


def of_request(request):
    profile = getattr(request.user, "profile", None)
    return {"region": profile.region if profile else None}
