"""The table of definitions."""

import re

import pytest

from labctl.analysis.definitions import DEFINITIONS, definition
from labctl.errors import BadInput


@pytest.mark.parametrize("name", DEFINITIONS)
def test_an_entry_explains_itself(name: str) -> None:
    entry = definition(name)
    assert entry.id == name
    assert re.fullmatch(r"[a-z0-9-]+", name)
    assert entry.formula
    assert entry.meaning.endswith(".")
    assert entry.doi == "" or re.fullmatch(r"10\.\d{4,}/\S+", entry.doi)


def test_an_unknown_one() -> None:
    with pytest.raises(BadInput, match='"ppf-index" is unknown; known are energy-level-current'):
        definition("ppf-index")
