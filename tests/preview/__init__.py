"""Draws every dashboard from real query results, for who has no Grafana at hand."""
