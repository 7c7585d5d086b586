"""Seam 1: who signs. Issuers return outcomes; they never write conditions and never sleep."""
