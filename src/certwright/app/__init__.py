"""Composition root: one small file per role, and what they share. Only the command line imports it."""
