"""The documentation speaks of things that exist."""

import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")) if "template" not in path.name
)
LAYERS = ("api", "apiserver", "app", "cli", "controllers", "issuers", "kube", "pki", "plan", "webhook")


def resolve(dotted: str) -> object:
    """The module, class or function of a dotted name below the package."""
    parts = dotted.split(".")
    found: object = importlib.import_module("certwright")
    for depth, part in enumerate(parts, 1):
        if isinstance(found, ModuleType):
            try:
                found = importlib.import_module(".".join(["certwright", *parts[:depth]]))
                continue
            except ModuleNotFoundError:
                pass
        found = getattr(found, part)
    return found


NAMES = sorted(
    set(re.findall(rf"`((?:{'|'.join(LAYERS)})\.[\w.]+)`", (ROOT / "docs/architecture.md").read_text()))
)


@pytest.mark.parametrize("name", NAMES)
def test_what_the_architecture_page_names_is_there(name: str) -> None:
    assert resolve(name) is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([\w./-]+)(?:#[\w-]*)?\)", page.read_text()):
        assert (page.parent / link).exists(), link
