"""Everything HTTP that no feature owns: blueprint, problems, pagination, idempotency, limits, request context."""
