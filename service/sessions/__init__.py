"""Sessions: signing in, refreshing, listing, ending."""
