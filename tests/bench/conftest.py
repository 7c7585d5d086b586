"""The scenario is a benchmark's; those are run from the root of the project and are not installed."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
