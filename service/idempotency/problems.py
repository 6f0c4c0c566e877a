"""What idempotency refuses."""

from service.errors import Problem


class IdempotencyKeyReused(Problem):
    """This Idempotency-Key was used for a request with another body. Use a new key for a new request."""

    status, code, title = 422, "idempotency_key_reused", "This Idempotency-Key belongs to another request."
    detail = "The body differs from that of the first request with this key."


class IdempotencyKeyMalformed(Problem):
    """An Idempotency-Key is 1 to 255 visible ASCII characters, for example a UUID."""

    status, code, title = 400, "idempotency_key_malformed", "The Idempotency-Key can't be used."
    detail = "It has 1 to 255 visible ASCII characters, for example a UUID."
