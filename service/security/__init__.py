"""Secrets, tokens, passwords and revocations. Memory only: no HTTP, no SQL, no Redis."""
