"""Benchmarks: one file per scenario, against any API server and any implementation of the API."""
