"""Signing keys: making, rotating, publishing them, and what others need to verify our tokens."""
