"""The shell around plan: gather, plan, apply. One engine for every kind."""
