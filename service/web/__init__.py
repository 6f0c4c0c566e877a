"""HTTP for every room: the caller, the envelope around each request, the fast lane, rendering, paging, management."""
