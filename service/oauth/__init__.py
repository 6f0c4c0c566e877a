"""What machines and gateways speak: the token endpoint, and forward-auth."""
