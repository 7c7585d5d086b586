"""Where `certwright up` keeps its state by default, and its kubeconfig; opens nothing."""

from __future__ import annotations

import os
from pathlib import Path

KUBECONFIG = "kubeconfig"


def default_data_dir() -> Path:
    """$XDG_DATA_HOME/certwright, or ~/.local/share/certwright."""
    base = os.environ.get("XDG_DATA_HOME", "")
    root = Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "share"
    return root / "certwright"
