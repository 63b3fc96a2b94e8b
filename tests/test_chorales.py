import gc
import re
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import music21.converter
import numpy as np
import pytest

from dmm_core.data.cache import cache_path
from dmm_core.data.chorales import (
    CHORALE_GRIDS,
    chorale_paths,
    chorales_on_disk,
    load_chorales,
    read_chorale,
)
from dmm_core.data.polyphonic import load_polyphonic
from dmm_core.data.registry import DATASETS
from dmm_core.errors import DataError
from dmm_core.music.midi import read_midi

SPLITS = ("train", "valid", "test")


def ignore(fraction, message):
    pass


def unexpected(fraction, message):
    raise AssertionError(f"there is nothing to wait for, but {message}")


def write_score(path, *voices):
    """A MusicXML file of voices; a note is (step, octave, eighths), an eighth of 0 a grace note."""

    def note(step, octave, eighths):
        pitch = (
            f"<pitch><step>{step}</step><octave>{octave}</octave></pitch>" if step else "<rest/>"
        )
        length = f"<duration>{eighths}</duration>" if eighths else ""
        return f"<note>{'' if eighths else '<grace/>'}{pitch}{length}<type>eighth</type></note>"

    parts = range(len(voices))
    path.write_text(
        '<?xml version="1.0"?><score-partwise version="3.1"><part-list>'
        + "".join(f'<score-part id="P{i}"><part-name>P</part-name></score-part>' for i in parts)
        + "</part-list>"
        + "".join(
            f'<part id="P{i}"><measure number="1"><attributes><divisions>2</divisions>'
            "<time><beats>3</beats><beat-type>4</beat-type></time></attributes>"
            + "".join(note(*n) for n in voices[i])
            + "</measure></part>"
            for i in parts
        )
        + "</score-partwise>"
    )
    return path


class Corpus(NamedTuple):
    grids: dict  # name -> Splits
    reports: list  # of progress, of the one reading
    cache: Path


@pytest.fixture(scope="module")
def corpus(chorales):
    """The three data sets out of one reading of the whole corpus."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DMM_HOME", str(chorales.cache.parents[1]))
        grids = {name: load_chorales(name, unexpected) for name in CHORALE_GRIDS}
    return Corpus(grids, chorales.reports, chorales.cache)


def test_a_frame_holds_what_sounds_at_its_first_instant(tmp_path):
    path = write_score(
        tmp_path / "score.musicxml",
        [("C", 5, 1), ("D", 5, 2), ("E", 5, 1), (None, 0, 2)],
        [("A", 4, 0), ("G", 4, 4), ("A", 4, 2)],
        [("E", 4, 6)],
        [(None, 0, 1), ("C", 3, 5)],
    )
    chorale = read_chorale(path)
    assert chorale.quarters == 3.0
    eighths = [  # up an octave, for a score in C; the grace note leaves no trace
        {84, 79, 76},
        {86, 79, 76, 60},
        {86, 79, 76, 60},
        {88, 79, 76, 60},
        {81, 76, 60},
        {81, 76, 60},
    ]

    def sets(roll):
        return [set(np.flatnonzero(frame) + 21) for frame in roll]

    assert sets(chorale.roll(2)) == eighths
    assert sets(chorale.roll(1)) == eighths[::2]
    assert sets(chorale.roll(4)) == [frame for frame in eighths for _ in range(2)]


@pytest.mark.parametrize(
    ("step", "shift"), [("C", 12), ("D", 10), ("E", 8), ("F", 7), ("G", 17), ("A", 15), ("B", 13)]
)
def test_the_last_bass_note_becomes_a_c(tmp_path, step, shift):
    voices = [[(note, octave, 6)] for note, octave in (("A", 4), ("F", 4), ("D", 4), (step, 3))]
    written = sorted(music21.pitch.Pitch(f"{n[0][0]}{n[0][1]}").midi for n in voices)
    chorale = read_chorale(write_score(tmp_path / "score.musicxml", *voices))
    assert sorted(chorale.notes[:, 0]) == [pitch + shift for pitch in written]


def test_the_pickle_cache_of_music21_is_never_consulted(tmp_path, monkeypatch):
    def consulted(*args, **kwargs):
        raise AssertionError("music21 would load a pickle")

    monkeypatch.setattr(music21.converter, "PickleFilter", consulted)
    chorale = read_chorale(write_score(tmp_path / "score.musicxml", [("C", 3, 6)]))
    assert len(chorale.notes) > 0


def test_a_file_without_parts_is_refused(tmp_path):
    (tmp_path / "empty.musicxml").write_text(
        '<?xml version="1.0"?><score-partwise version="3.1"><part-list/></score-partwise>'
    )
    with pytest.raises(DataError, match="is not a score with parts"):
        read_chorale(tmp_path / "empty.musicxml")


def test_a_music21_without_its_corpus_is_one_sentence(dmm_home, tmp_path, monkeypatch):
    monkeypatch.setattr("music21.common.pathTools.getCorpusFilePath", lambda: tmp_path)
    with pytest.raises(DataError, match=r"^music21 is installed without its corpus: .*missing\.$"):
        load_chorales("jsb-m21", ignore)
    assert not chorales_on_disk() and gc.isenabled()


def test_counts_are_the_documented_ones(corpus):
    for name, splits in corpus.grids.items():
        info = DATASETS[name]
        assert {s: len(splits[s]) for s in SPLITS} == info.sequences
        assert {s: splits[s].frames for s in SPLITS} == info.frames
        assert splits.spec == info.spec


def test_the_scores_of_a_split_are_at_hand_one_by_one(corpus):
    splits = corpus.grids["jsb-m21-eighth"]
    for split in SPLITS:
        paths = chorale_paths(split)
        assert len(paths) == len(splits[split])
        np.testing.assert_array_equal(read_chorale(paths[-1]).roll(2), splits[split].x[-1])
    with pytest.raises(DataError, match="no split 'dev'; the splits are train, valid"):
        chorale_paths("dev")


def test_progress_counts_the_scores(corpus):
    fractions = [fraction for fraction, _ in corpus.reports]
    assert all(a < b for a, b in pairwise(fractions))
    assert 0 <= fractions[0] < 0.01 < 0.99 < fractions[-1] <= 1
    assert corpus.reports[-1][1] == "Reading chorale 365 of 365"


def test_finer_grids_pass_through_the_coarser(corpus):
    quarter, eighth, sixteenth = (corpus.grids[name] for name in CHORALE_GRIDS)
    for split in SPLITS:
        for one, two, four in zip(quarter[split], eighth[split], sixteenth[split], strict=True):
            np.testing.assert_array_equal(one, four[::4])
            np.testing.assert_array_equal(two, four[::2])


def test_every_chorale_ends_on_c_in_the_bass(corpus):
    for split in SPLITS:
        for roll in corpus.grids["jsb-m21-sixteenth"][split]:
            last = roll[np.flatnonzero(roll.any(axis=1))[-1]]
            assert (np.flatnonzero(last)[0] + 21) % 12 == 0


def test_each_score_stands_in_one_split(corpus):
    splits = corpus.grids["jsb-m21-sixteenth"]
    names = [name for split in SPLITS for name in splits[split].names]
    assert len(set(names)) == len(names) == 365
    contents = {split: {roll.tobytes() for roll in splits[split]} for split in SPLITS}
    assert not contents["train"] & (contents["valid"] | contents["test"])
    assert not contents["valid"] & contents["test"]


def marginal_nll(train, test):
    """Nats a frame of an independent Bernoulli by pitch, fitted on train."""
    p = (train.sum(axis=0) + 1) / (len(train) + 2)
    return -(test * np.log(p) + (1 - test) * np.log(1 - p)).sum(axis=1).mean()


def test_the_distribution_is_that_of_jsb(corpus):
    frames = {s: np.concatenate(corpus.grids["jsb-m21"][s].x).astype(float) for s in SPLITS}
    everything = np.concatenate(list(frames.values()))
    pitches = np.flatnonzero(everything.any(axis=0)) + 21
    assert (pitches[0], pitches[-1]) == (43, 96)
    assert everything.sum() / len(everything) == pytest.approx(3.87, abs=0.005)
    assert marginal_nll(frames["train"], frames["test"]) == pytest.approx(11.21, abs=0.005)


def test_its_marginal_explains_jsb_as_well_as_jsbs_own(corpus, mirror, dmm_home):
    test = np.concatenate(load_polyphonic("jsb", ignore).test.x).astype(float)
    train = np.concatenate(corpus.grids["jsb-m21"].train.x).astype(float)
    assert marginal_nll(train, test) == pytest.approx(11.06, abs=0.03)


def test_chorales_that_equal_a_canonical_one_stand_in_its_split(corpus, mirror, dmm_home):
    canonical = load_polyphonic("jsb", ignore)
    homes = {x.tobytes(): split for split in SPLITS for x in canonical[split]}
    equal = [
        (split, homes[x.tobytes()])
        for split in SPLITS
        for x in corpus.grids["jsb-m21"][split]
        if x.tobytes() in homes
    ]
    assert len(equal) >= 15
    assert all(ours == theirs for ours, theirs in equal)


@pytest.fixture
def damaged(corpus, dmm_home, tmp_path, monkeypatch):
    """Put bytes where the cache is looked for, and nothing where the corpus is."""
    monkeypatch.setattr("music21.common.pathTools.getCorpusFilePath", lambda: tmp_path)
    path = cache_path(corpus.cache.name)
    path.parent.mkdir()

    def put(content):
        path.write_bytes(content)
        return path

    return put


def test_a_sound_cache_needs_no_corpus(corpus, damaged):
    damaged(corpus.cache.read_bytes())
    assert load_chorales("jsb-m21", unexpected).train.frames == DATASETS["jsb-m21"].frames["train"]


def test_a_damaged_cache_is_read_from_the_corpus_again(corpus, damaged):
    sound = corpus.cache.read_bytes()
    pickled = BytesIO()
    np.savez(pickled, notes=np.array([{}], dtype=object), counts=[1], quarters=[1.0])
    contents = [b"", sound[:31], sound[:-1], sound[: len(sound) // 2], pickled.getvalue()]
    for position in range(0, len(sound), len(sound) // 50):
        flipped = bytearray(sound)
        flipped[position] ^= 1 << position % 8
        contents.append(bytes(flipped))
    for content in contents:
        path = damaged(content)
        with pytest.raises(DataError, match="without its corpus"):
            load_chorales("jsb-m21", ignore)
        assert not path.exists()


EXAMPLES = re.findall(
    r"^```python\n(.*?)^```",
    (Path(__file__).parent.parent / "README.md").read_text(),
    flags=re.MULTILINE | re.DOTALL,
)


def test_the_examples_of_the_readme_run(chorales, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("DMM_HOME", str(chorales.cache.parents[1]))
    monkeypatch.chdir(tmp_path)
    compose, train = EXAMPLES
    exec(compose, {})
    assert len(read_midi((tmp_path / "piece.mid").read_bytes()).notes) > 100
    for whole, short in (("epochs=20", "epochs=2"), ("samples=100", "samples=2")):
        assert whole in train
        train = train.replace(whole, short)
    exec(train, {})
    *epochs, nll = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in epochs] == ["1", "2"]
    assert 5 < float(nll) < 30
