import json

import jsonschema
import pytest

from aigc.engines.json_check import parse, validator
from aigc.engines.json_example import example
from aigc.engines.json_schema import compile_schema, relax_schema
from aigc.engines.pattern import PLAIN_CHARACTER
from aigc.errors import InvalidSchema

INTEGER = {"type": "integer", "minimum": -9007199254740991, "maximum": 9007199254740991}


@pytest.mark.parametrize(
    ("schema", "compiled"),
    [
        ({"type": "object"}, {"type": "object"}),
        (True, {}),
        ({"title": "t", "description": "d", "default": 1, "x-y": 2, "type": "boolean"}, {"type": "boolean"}),
        ({"type": "integer"}, INTEGER),
        ({"type": "integer", "minimum": 1, "exclusiveMaximum": 4}, {"enum": [1, 2, 3]}),
        ({"type": "integer", "minimum": 1.5, "maximum": 11, "multipleOf": 5}, {"enum": [5, 10]}),
        (
            {"type": ["string", "null"], "maxLength": 3},
            {"anyOf": [{"type": "string", "pattern": f"^{PLAIN_CHARACTER}{{0,3}}$"}, {"type": "null"}]},
        ),
        ({"minLength": 3}, {"type": "string", "pattern": f"^{PLAIN_CHARACTER}{{3,}}$"}),
        ({"type": "integer", "minimum": 0}, {"type": "integer", "minimum": 0, "maximum": 9007199254740991}),
        ({"type": "integer", "exclusiveMaximum": 0}, {"type": "integer", "minimum": -9007199254740991, "maximum": -1}),
        ({"type": "string", "enum": ["a", 1, "long"], "maxLength": 1}, {"enum": ["a"]}),
        ({"const": {"a": None}}, {"enum": [{"a": None}]}),
        ({"allOf": [{"type": "null"}]}, {"type": "null"}),
        ({"type": "string", "pattern": "^[a-c]$"}, {"type": "string", "pattern": "^(?:[a-c])$"}),
        (
            {"properties": {"a": {"type": "null"}}, "required": ["a", "b"]},
            {
                "type": "object",
                "properties": {"a": {"type": "null"}, "b": {}},
                "required": ["a", "b"],
                "additionalProperties": False,
            },
        ),
        (
            {"type": "object", "additionalProperties": {"type": "boolean"}},
            {"type": "object", "additionalProperties": {"type": "boolean"}},
        ),
        (
            {"$ref": "#/definitions/a~1b", "definitions": {"a/b": {"type": "null"}}},
            {"$ref": "#/$defs/d0", "$defs": {"d0": {"type": "null"}}},
        ),
        (
            {"oneOf": [{"type": "integer"}, {"type": "string"}]},
            {"anyOf": [INTEGER, {"type": "string"}]},
        ),
    ],
)
def test_a_schema_is_written_in_the_common_language(schema, compiled):
    assert compile_schema(schema) == compiled


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"properties": {"a": {"not": {}}}}, "'not' at /properties/a"),
        ({"type": "array", "uniqueItems": True}, "'uniqueItems' at /"),
        ({"type": "object", "if": {}}, "'if' at /"),
        ({"type": "object", "dependentRequired": {}}, "'dependentRequired' at /"),
        ({"type": "object", "patternProperties": {}}, "'patternProperties' at /"),
        ({"type": "object", "minProperties": 1}, "'minProperties' at /"),
        ({"properties": {"a/b": {"contains": {}}}}, "'contains' at /properties/a~1b"),
        ({"type": "string", "maxlength": 3}, "'maxlength' at /"),
        ({"type": "number", "minimum": 0}, "'minimum' at /: bounds can be enforced for integers only"),
        ({"type": "integer", "minimum": 2}, "'minimum' at /: on one side an integer can be bounded only at 0, 1 or -1"),
        ({"type": "integer", "multipleOf": 2}, "'multipleOf' at /: can't be enforced without"),
        ({"type": "integer", "minimum": 0, "maximum": 5000}, "the range holds 5001 numbers, accepted are 1 to 1000"),
        ({"type": "integer", "minimum": 3, "maximum": 2}, "the range holds 0 numbers"),
        ({"type": "string", "pattern": "^(?!a)"}, "look-around"),
        ({"type": "string", "pattern": "^a+$", "maxLength": 3}, "'pattern' at /: can't be enforced beside 'maxLength'"),
        ({"type": "string", "format": "iri"}, "'iri' is unknown; known: date, date-time"),
        ({"type": "string", "minLength": 3, "maxLength": 2}, "3 is more than 'maxLength', 2"),
        (
            {"type": "string", "maxLength": 257},
            "'maxLength' at /: a length of 257 here and 257 so far; accepted are 256",
        ),
        ({"type": "string", "pattern": "^.{0,300}$"}, "'pattern' at /: a length of 300"),
        ({"properties": {f"p{i}": {"minLength": 251} for i in range(4)}}, "'minLength' at /properties/p3: a length of"),
        ({"type": "array", "maxItems": 10_001}, "sum up to more than 10000"),
        (
            {"type": "array", "maxItems": 6000, "items": {"type": "array", "minItems": 6000}},
            "sum up to more than 10000",
        ),
        ({"properties": {f"p{i}": {} for i in range(400)}}, "too many optional ones"),
        ({"type": "string", "maxLength": -1}, "expected a whole number, got -1"),
        ({"type": "string", "maxLength": float("nan")}, "expected a whole number"),
        ({"type": "strnig"}, "expected one or some of null, boolean"),
        ({"minimum": 1, "maxLength": 2}, "missing, while the keywords are about string and number"),
        ({"enum": []}, "expected a list of 1 to 1000 values"),
        ({"enum": ["a"], "type": "integer"}, "no value satisfies the other keywords"),
        ({"enum": [2**60]}, "integers within"),
        ({"anyOf": [{"type": "null"}], "type": "null"}, "'type' at /: can't be enforced beside 'anyOf'"),
        ({"allOf": [{}, {}]}, "only a single schema"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "may overlap"),
        ({"$ref": "https://example.com/s"}, "only references into the schema itself"),
        ({"$ref": "#/$defs/x"}, "doesn't exist"),
        ({"$ref": "#"}, "refers to itself"),
        (
            {"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
            "refers to itself",
        ),
        ({"properties": {"a": {"$id": "http://x", "$ref": "#"}}}, "'$id' at /properties/a"),
        ({"type": "array", "items": [{}]}, "a schema is an object or true"),
        ({"properties": {"a": False}}, "'False' at /properties/a"),
        ({"properties": {'a"b': {}}}, "holds a quote"),
        ({"properties": {"a": {}}, "additionalProperties": {"type": "null"}}, "beside 'properties'"),
        ({"properties": {}, "required": ["a"], "additionalProperties": False}, "required and forbidden"),
        ({"type": "array", "items": False, "minItems": 1}, "1 items can't be had from 0"),
        ({"enum": ["x" * 70_000]}, "bytes, accepted are 65536"),
        ({"anyOf": [{"type": "null"}] * 2001}, "accepted are 2000 nodes, 32 deep"),
        ("text", "a schema is an object or true"),
        (None, "a schema is an object or true"),
    ],
)
def test_what_cannot_be_enforced_is_refused_by_pointer_and_keyword(schema, words):
    with pytest.raises(InvalidSchema) as caught:
        compile_schema(schema)
    assert words in caught.value.message


@pytest.mark.parametrize("levels", [40, 5000, 100_000])
def test_a_deep_schema_is_refused_whatever_its_depth(levels):
    schema = {"type": "null"}
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    with pytest.raises(InvalidSchema):
        compile_schema(schema)


def test_branches_told_apart_by_a_required_constant_are_exclusive():
    branches = [{"properties": {"kind": {"const": c}}, "required": ["kind"]} for c in "ab"]
    assert len(compile_schema({"oneOf": branches, "discriminator": {}})["anyOf"]) == 2


TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": {"type": "integer"},
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            },
            "required": ["value", "next"],
        }
    },
    "$ref": "#/$defs/node",
}

INVOICE = {
    "type": "object",
    "properties": {
        "day": {"type": "string", "format": "date"},
        "lines": {
            "type": "array",
            "minItems": 2,
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "minLength": 1},
                    "count": {"type": "integer", "minimum": 1, "maximum": 9},
                },
                "required": ["name", "count"],
            },
        },
        "note": {"type": ["string", "null"]},
    },
    "required": ["day", "lines", "note"],
}


@pytest.mark.parametrize("schema", [TREE, INVOICE, {"type": "object"}, True, {"type": "array", "minItems": 2}])
def test_the_example_of_a_compiled_schema_satisfies_the_clients_own(schema):
    jsonschema.validate(example(compile_schema(schema)), schema, cls=jsonschema.Draft202012Validator)


def test_a_schema_without_a_finite_instance_has_no_example():
    with pytest.raises(InvalidSchema, match="no finite instance"):
        example(compile_schema({"properties": {"a": {"$ref": "#"}}, "required": ["a"]}))


def test_the_check_names_the_place_of_the_fault():
    assert validator(INVOICE)({"day": "2024-01-01", "lines": [{"name": "a", "count": 0}] * 2, "note": None}) == (
        "/lines/0/count: 0 is less than the minimum of 1"
    )


def test_a_malformed_schema_is_the_requests_fault():
    with pytest.raises(InvalidSchema, match="malformed at /type"):
        validator({"type": "strnig"})


@pytest.mark.timeout(20)
def test_a_check_that_multiplies_is_stopped():
    branch = {"properties": {"a": {"$ref": "#/$defs/n"}}}
    schema = {
        "$defs": {"n": {"anyOf": [{**branch, "required": ["b"]}, {**branch, "required": ["c"]}]}},
        "$ref": "#/$defs/n",
    }
    value = None
    for _ in range(30):
        value = {"a": value}
    with pytest.raises(InvalidSchema, match="more than 50000 steps"):
        validator(schema)(value)


@pytest.mark.timeout(5)
def test_a_pattern_cannot_hold_up_the_check():
    assert validator({"pattern": "^(a+)+$"})("a" * 5000 + "!") is not None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[NaN]", "NaN is not JSON"),
        ("[-Infinity]", "-Infinity is not JSON"),
        ('{"a": {"b": 1, "b": 1}}', "'b' occurs twice"),
        ("1" * 5000, "5000 digits"),
        ("[" * 100_000, "nested too deeply"),
        ('"a\nb"', "control character"),
        ("{} x", "Extra data"),
    ],
)
def test_parsing_is_strict(text, words):
    with pytest.raises(ValueError, match=words):
        parse(text)


def test_json_is_parsed_as_python_does():
    assert parse(json.dumps(INVOICE)) == INVOICE


def test_what_cannot_be_enforced_can_be_left_out():
    schema = {
        "type": "object",
        "properties": {
            "count": {"type": "number", "minimum": 0, "multipleOf": 0.5},
            "size": {"enum": ["a", "b"], "not": {"const": "a"}},
            "tree": {"$ref": "#/$defs/t"},
        },
        "required": ["count"],
        "minProperties": 2,
        "$defs": {"t": {"allOf": [{}, {}], "type": "null"}},
    }
    assert relax_schema(schema) == {
        "type": "object",
        "properties": {"count": {"type": "number"}, "size": {"enum": ["a", "b"]}, "tree": {"$ref": "#/$defs/d0"}},
        "required": ["count"],
        "additionalProperties": False,
        "$defs": {"d0": {}},
    }
    assert schema["minProperties"] == 2


def test_what_is_no_schema_stays_refused():
    with pytest.raises(InvalidSchema):
        relax_schema({"properties": {"a": 5}})


@pytest.mark.parametrize("most", [2**62, 2**63 - 1, 10**30, 1e308])
def test_a_range_of_astronomic_size_is_refused_and_not_counted(most):
    with pytest.raises(InvalidSchema, match="the range holds"):
        compile_schema({"type": "integer", "minimum": 0, "maximum": most, "multipleOf": 1})
    with pytest.raises(InvalidSchema, match="the range holds"):
        compile_schema({"type": "integer", "minimum": -2, "maximum": most})
