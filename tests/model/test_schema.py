"""A schema file describes the columns, or is refused with the key that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from revenue_model.model.schema import DEFAULT_SCHEMA, Schema, SchemaError


def test_a_schema_survives_the_way_through_the_model(schema: Schema) -> None:
    assert Schema.from_json(schema.to_json()) == schema


def test_the_default_schema_is_that_of_the_reference() -> None:
    assert Schema.read(DEFAULT_SCHEMA).features == (
        *("country", "country_region", "source", "platform", "device_family", "os_version"),
        *("event_1", "event_2", "event_3"),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[category.a]", "unknown role 'category'; expected one of categorical, event"),
        ("[event.a]\nunits = 'x'\n[target.r]", "[event.a] has the unknown key 'units'"),
        (
            "[event.a]\n[categorical.a]\n[target.r]",
            "column 'a' has two roles, event and categor",
        ),
        ("[event.r]\n[target.r]", "column 'r' has two roles, event and target"),
        ("[event.a]", "no column has the role 'target'"),
        ("[target.r]", "no features"),
        ("[event.a]\n[target.r]\n[target.s]", "role 'target' has 2 columns"),
        ("[event.a]\nsegment = true\n[target.r]", "'segment' is for categorical columns only"),
        ("[event.a]\ndefault = 'x'\n[target.r]", "'default' must be a number, got 'x'"),
        (
            "[event.a]\ndefault = -1\n[target.r]",
            "'default' must be a number of 0 or more, got -1",
        ),
        ("[event.a]\ndefault = inf\n[target.r]", "must be a number of 0 or more, got inf"),
        ("[numeric.a]\ndefault = nan\n[target.r]", "must be a finite number, got nan"),
        ("[event.base]\n[target.r]", "[event.base]: a feature cannot be called 'base'"),
        ("event = 3", "'event' must be tables"),
        ("[event", "is no valid TOML file"),
    ],
)
def test_a_wrong_schema_file_is_named_with_its_key(
    tmp_path: Path, text: str, expected: str
) -> None:
    path = tmp_path / "schema.toml"
    path.write_text(text + "\n", encoding="utf-8")
    with pytest.raises(SchemaError) as raised:
        Schema.read(path)
    assert str(raised.value).startswith(str(path))
    assert expected in str(raised.value)
