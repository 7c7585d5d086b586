"""certwright: X.509 certificates as declarative resources, on Kubernetes and without it."""

__version__ = "0.1.0"
