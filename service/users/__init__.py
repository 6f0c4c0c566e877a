"""Users: registering, profiles, and what admins do with them."""
