"""Settings are strict, and what is wrong with them is said in one line."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from pydantic import Field, ValidationError, field_validator, model_validator

from gasp.settings import GaspError, Settings, explain, read_yaml


class Inner(Settings):
    steps: int = Field(3, ge=1)
    noise: tuple[float, ...] = ()


@pytest.mark.parametrize("number", [np.int64(4), np.uint8(4)])
def test_a_number_of_numpy_is_a_number(number):
    assert Inner.of({"steps": number}).steps == 4
    assert Inner().changed({"noise": (np.float32(0.5),)}).noise == (0.5,)


@pytest.mark.parametrize("value", [torch.tensor([4, 5]), object(), np.arange(3)], ids=type)
def test_what_is_no_plain_value_is_refused(value):
    with pytest.raises(GaspError, match=r"steps: .*valid integer"):
        Inner.of({"steps": value})


class Outer(Settings):
    learning_rate: float = 0.1
    name: str
    inner: Inner = Inner()
    maybe: Inner | None = None
    named: dict[str, Inner] = Field({})

    @field_validator("name")
    @classmethod
    def _not_forbidden(cls, value: str) -> str:
        if value == "forbidden":
            raise ValueError("This name is taken")
        return value


def complaint(values: dict) -> str:
    with pytest.raises(ValidationError) as error:
        Outer.model_validate_json(json.dumps({"name": "x"} | values))
    return explain(error.value, Outer)


@pytest.mark.parametrize(
    ("values", "key", "expected", "found"),
    [
        ({"learning_rate": "fast"}, "learning_rate", "valid number", "'fast'"),
        ({"learning_rate": None}, "learning_rate", "valid number", "None"),
        ({"name": 3}, "name", "valid string", "3"),
        ({"name": "forbidden"}, "name", "this name is taken", "'forbidden'"),
        ({"inner": {"steps": "five"}}, "inner.steps", "valid integer", "'five'"),
        ({"inner": {"steps": 2.5}}, "inner.steps", "valid integer", "2.5"),
        ({"inner": {"steps": True}}, "inner.steps", "valid integer", "True"),
        ({"inner": {"steps": 0}}, "inner.steps", "greater than or equal to 1", "0"),
        ({"inner": {"noise": [0.1, "loud"]}}, "inner.noise.1", "valid number", "'loud'"),
        ({"inner": [1]}, "inner", "object", "[1]"),
        ({"named": {"first": {"steps": "x\ny"}}}, "named.first.steps", "valid integer", r"'x\ny'"),
    ],
)
def test_a_complaint_names_the_key_what_was_expected_and_what_was_found(values, key, expected, found):
    message = complaint(values)
    assert message.startswith(f"{key}: ")
    assert expected in message
    assert message.endswith(f", not {found}")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("values", "key", "suggestion"),
    [
        ({"learning_rat": 1}, "learning_rat", "learning_rate"),
        ({"inner": {"step": 1}}, "inner.step", "steps"),
        ({"maybe": {"nois": []}}, "maybe.nois", "noise"),
        ({"named": {"first": {"step": 1}}}, "named.first.step", "steps"),
    ],
)
def test_an_unknown_key_gets_the_nearest_known_one_also_when_nested(values, key, suggestion):
    assert complaint(values) == f"unknown key {key}: did you mean {suggestion}?"


@pytest.mark.parametrize(
    ("values", "known"),
    [({"qqq": 1}, "learning_rate, name, inner, maybe, named"), ({"inner": {"qqq": 1}}, "steps, noise")],
)
def test_an_unknown_key_that_resembles_none_gets_all_of_its_place(values, known):
    assert complaint(values).endswith(f"there are {known}")


def test_a_missing_key_is_named():
    with pytest.raises(ValidationError) as error:
        Outer()
    assert explain(error.value, Outer) == "missing key name"


def test_all_that_is_wrong_is_said_at_once_in_one_line():
    parts = complaint({"name": 3, "inner": {"steps": 0}, "more": 1}).split("; ")
    assert [part.split(":")[0] for part in parts] == ["name", "inner.steps", "unknown key more"]


def test_one_fault_in_many_places_is_said_once():
    places = complaint({"named": {"first": {"steps": 0}, "second": {"steps": 0}}})
    assert places == "named.first.steps, named.second.steps: input should be greater than or equal to 1, not 0"


def test_keys_that_do_not_fit_together_are_said_in_the_words_of_who_found_out():
    class Pair(Settings):
        low: float
        high: float

        @model_validator(mode="after")
        def _ordered(self):
            if self.low > self.high:
                raise ValueError("low is above high")
            return self

    with pytest.raises(ValidationError) as error:
        Pair(low=2.0, high=1.0)
    assert explain(error.value, Pair) == "low is above high"


def test_settings_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        Inner().steps = 4


def test_yaml_that_is_nested_too_deeply_is_refused():
    with pytest.raises(GaspError, match="nested too deeply"):
        read_yaml("[" * 1500 + "]" * 1500)


def test_values_that_were_read_can_be_changed_without_changing_the_next_reading():
    values = read_yaml("a: [1]")
    values["a"].append(2)
    assert read_yaml("a: [1]") == {"a": [1]}
