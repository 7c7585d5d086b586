from typing import Annotated, Any, ClassVar

import pytest

from certwright.api.schema import structural_schema
from certwright.api.wire import Wire, doc


class Inner(Wire, frozen=True, kw_only=True):
    """A part.

    More about it.
    """

    schema_extra: ClassVar[dict[str, Any]] = {"x-kubernetes-map-type": "atomic"}

    name: Annotated[str, doc("Its name.", min_length=1, pattern="^a$")]


class Outer(Wire, frozen=True, kw_only=True):
    """A kind."""

    part: Annotated[Inner | None, doc("One part.")] = None
    parts: Annotated[list[Inner], doc("Parts.", map_key="name")] = []  # noqa: RUF012
    needed: Annotated[int, doc("A number.", format="int64", minimum=1, maximum=9)]
    lenient: Annotated[str, doc("Read as required, but not by the schema.", required=False)]
    choice: Annotated[str, doc("A choice.", enum=("a", "b"), default="a")] = "a"
    amount: Annotated[int | str, doc("An amount.")] = 0
    table: Annotated[dict[str, list[str]], doc("A table.")] = {}  # noqa: RUF012
    free: Annotated[Any, doc("Anything.")] = None


def property_(name: str) -> dict[str, Any]:
    found = structural_schema(Outer)["properties"][name]
    assert isinstance(found, dict)
    return found


def test_required_are_fields_without_default_unless_told_otherwise() -> None:
    assert structural_schema(Outer)["required"] == ["needed"]


def test_an_optional_part_is_the_part_with_the_description_of_its_field() -> None:
    assert property_("part") == {
        "description": "One part.",
        "type": "object",
        "properties": {
            "name": {"description": "Its name.", "type": "string", "minLength": 1, "pattern": "^a$"},
        },
        "required": ["name"],
        "x-kubernetes-map-type": "atomic",
    }


def test_a_keyed_list_is_a_map_whose_items_describe_themselves() -> None:
    parts = property_("parts")
    assert parts["x-kubernetes-list-type"] == "map"
    assert parts["x-kubernetes-list-map-keys"] == ["name"]
    assert parts["items"]["description"] == "A part."


def test_numbers_choices_and_amounts_have_their_keywords() -> None:
    assert property_("needed") == {
        "description": "A number.",
        "type": "integer",
        "format": "int64",
        "minimum": 1,
        "maximum": 9,
    }
    assert property_("choice")["enum"] == ["a", "b"]
    assert property_("choice")["default"] == "a"
    assert property_("amount")["x-kubernetes-int-or-string"] is True
    assert "type" not in property_("amount")


def test_maps_and_free_values_are_open() -> None:
    assert property_("table") == {
        "description": "A table.",
        "type": "object",
        "additionalProperties": {"type": "array", "items": {"type": "string"}},
    }
    assert property_("free") == {"description": "Anything.", "x-kubernetes-preserve-unknown-fields": True}


def test_a_type_without_a_schema_is_refused() -> None:
    class Odd(Wire, frozen=True, kw_only=True):
        """A kind."""

        pair: tuple[int, int] = (0, 0)

    with pytest.raises(TypeError, match="no structural schema"):
        structural_schema(Odd)
