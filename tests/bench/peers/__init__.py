"""What the service is measured beside, each on the same server with the same flags."""
