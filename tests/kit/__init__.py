"""What tests say things with: stores, services, people, waiting."""
