"""Shipped to users: an API server in memory with controllers, a clock to move, builders of objects."""
