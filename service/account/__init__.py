"""What people do with their own account beside their profile: the password, and later address and verification."""
