import json
from dataclasses import replace

import pytest

from dmm_core.data.catalogue import DATASETS
from dmm_core.data.spec import DataSpec, is_pianoroll
from dmm_core.errors import DataError


@pytest.mark.parametrize("spec", [info.spec for info in DATASETS.values()], ids=lambda s: s.name)
def test_json_and_back(spec):
    again = DataSpec.from_json(json.loads(json.dumps(spec.to_json())))
    assert again == spec and (again.features, again.actions) == (spec.features, spec.actions)


def test_what_earlier_runs_kept_is_read():
    values = {"name": "jsb", "kind": "binary", "x_dim": 88, "steps_per_quarter": 1, "more": "?"}
    spec = DataSpec.from_json(values | {"u_dim": 0, "missing": False})
    assert spec == DataSpec("binary", 88, "jsb", 1) == DataSpec.from_json(values)
    assert spec.is_music and spec.grid == "quarter"


def test_names_of_features_do_not_count_in_a_comparison():
    spec = DataSpec("real", 2, features=("a", "b"))
    assert spec == replace(spec, features=()) != replace(spec, x_dim=3, features=())
    assert not spec.is_music and spec.grid is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (None, "names the kind and x_dim"),
        ({"kind": "binary"}, "names the kind and x_dim"),
        ({"kind": "text", "x_dim": 1}, "count or categorical, not 'text'"),
        ({"kind": ["binary"], "x_dim": 1}, "count or categorical"),
        ({"kind": "real", "x_dim": 0}, "x_dim is a whole number from 1, not 0"),
        ({"kind": "real", "x_dim": True}, "not True"),
        ({"kind": "real", "x_dim": 2.0}, r"not 2\.0"),
        ({"kind": "real", "x_dim": 1, "u_dim": -1}, "u_dim is a whole number from 0"),
        ({"kind": "real", "x_dim": 88, "steps_per_quarter": 1}, "Only piano-rolls have a grid"),
        ({"kind": "binary", "x_dim": 88, "steps_per_quarter": 3}, "1, 2 or 4 frames"),
        ({"kind": "binary", "x_dim": 88, "steps_per_quarter": [1]}, "1, 2 or 4 frames"),
        ({"kind": "real", "x_dim": 1, "missing": "no"}, "true or false, not 'no'"),
        ({"kind": "real", "x_dim": 2, "features": ["a"]}, "1 names of features, but 2 features"),
        ({"kind": "real", "x_dim": 1, "features": [1]}, "features are names"),
        ({"kind": "real", "x_dim": 1, "name": 3}, "name of a data set is text"),
    ],
)
def test_what_is_no_specification_is_refused(values, words):
    with pytest.raises(DataError, match=words):
        DataSpec.from_json(values)


def test_a_piano_roll_is_binary_and_as_wide_as_a_piano():
    assert is_pianoroll("binary", 88)
    assert not is_pianoroll("binary", 87) and not is_pianoroll("real", 88)
