"""The composition root: one small file per role, and the only place that wires things together."""
