"""Rate limits and account lockout: counted in Redis for all replicas, by a share per process without it."""
