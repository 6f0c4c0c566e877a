"""What the service tells of itself: logs, metrics, traces, and the facts of the request at hand."""
