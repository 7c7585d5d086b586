"""Being a Kubernetes API: a log on SQLite, the write path, schemas, apply, watch, discovery."""
