"""Idempotency-Key: the same request twice does its work once and is answered alike."""
