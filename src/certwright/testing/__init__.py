"""Shipped to users: builders of objects and a virtual clock."""
