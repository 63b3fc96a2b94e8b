import json

import pytest

from dmm_core.config.lessons import list_experiments, load_experiment
from dmm_core.config.schema import RunConfig
from dmm_core.errors import ConfigError
from dmm_core.runs.store import create_run, find_run, list_runs
from dmm_core.system.files import home


def write(folder, content, name="mine.json"):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


GOOD = {
    "title": "Mine",
    "shared": {"model": {"z_dim": 3}, "train": {"epochs": 2}},
    "variants": {"a": {"title": "A"}, "b": {"title": "B", "model": {"z_dim": 4}}},
}


@pytest.mark.parametrize("name", sorted(list_experiments()))
def test_every_experiment_of_the_app_is_sound_and_small(name):
    experiment = load_experiment(list_experiments()[name])
    assert experiment.name == name and experiment.title
    for variant in experiment.variants.values():
        config = variant.config
        assert config.train.threads == 1, "the other cores are the pages'"
        assert config.train.epochs <= 30 and config.model.rnn_size <= 64


def test_a_variants_settings_win_over_the_shared_ones_and_the_rest_are_defaults(dmm_home):
    write(home() / "lessons", GOOD)
    experiment = load_experiment(list_experiments()["mine"])
    a, b = (variant.config for variant in experiment.variants.values())
    assert (a.model.z_dim, b.model.z_dim) == (3, 4)
    assert a.train.epochs == b.train.epochs == 2
    assert a.data == RunConfig().data


def test_a_teachers_own_file_wins_over_the_apps(dmm_home):
    write(home() / "lessons", GOOD, "kalman.json")
    assert load_experiment(list_experiments()["kalman"]).title == "Mine"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("x" * 200_000, "larger than 100 kB"),
        ([], "is not an experiment: it:"),
        ({"title": "T", "variants": {}}, "variants"),
        ({**GOOD, "extra": 1}, "extra"),
        ({**GOOD, "title": ""}, "title"),
        ({**GOOD, "shared": {"model": {"z_dims": 3}}}, "model.z_dims is not a setting"),
        ({**GOOD, "shared": {"train": {"epochs": 0}}}, "train.epochs is 0"),
        ({**GOOD, "shared": {"model": {"combiner": "prior", "inference": "MF-L"}}}, "choose DKS"),
    ],
)
def test_a_faulty_file_says_what_is_wrong(dmm_home, content, said):
    path = write(home() / "lessons", content)
    with pytest.raises(ConfigError) as caught:
        load_experiment(path)
    assert said in str(caught.value) and "mine.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_lessons_run_stands_in_no_list_of_runs(dmm_home):
    own, lesson = create_run(RunConfig(), name="own"), create_run(RunConfig(), lesson="kalman")
    assert list_runs() == [own] and list_runs(lessons=True) == [lesson]
    assert (own.lesson(), lesson.lesson()) == ("", "kalman")
    lesson.rename("Mine now")
    assert lesson.lesson() == "kalman" and find_run(lesson.id) == lesson
