"""Talking to any Kubernetes API: requests as values, client, watcher, store, queue, runner, events."""
