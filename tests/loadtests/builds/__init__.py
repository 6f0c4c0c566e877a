"""Builds of the service with one fault each."""
