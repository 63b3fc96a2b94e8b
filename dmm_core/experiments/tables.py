"""Tables 2, 3 and 4 of the paper: inference networks and models on the polyphonic data sets."""

from typing import Any

from dmm_core.config.presets import preset
from dmm_core.config.schema import RunConfig
from dmm_core.experiments.published import NETWORKS, published
from dmm_core.experiments.report import Comparison, Row, Show
from dmm_core.experiments.trainings import measured, train_run

__all__ = ["table2", "table3", "table4"]

_COLUMNS: tuple[str, ...] = ("importance_nll", "bound_per_step", "bound_per_sequence")
_SAMPLES = {True: 100, False: 2000}
_QUICK_EPOCHS = 80


def table2(data: str, *, quick: bool, show: Show) -> Comparison:
    """Compare the inference networks. DKS and ST-LR should be better than ST-L.

    Args:
        data: name of a polyphonic data set.
        quick: whether to train small models, which takes a few minutes.
        show: called with sentences about the progress.
    """
    rows = []
    for network in ("DKS", "ST-L", "ST-LR", "MF-LR"):
        config = _config("paper-dmm", data, quick, inference=network)
        known = NETWORKS.get(data, {}).get(network)
        reference = dict(zip(_COLUMNS, known, strict=False)) if known else {}
        rows.append(_row("table2", network, config, reference, quick, show))
    bounds = {row.title: row.found["bound_per_step"] for row in rows}
    reached = max(bounds["DKS"], bounds["ST-LR"]) < bounds["ST-L"]
    verb = "are" if reached else "are not both"
    sentence = (
        f"On {data}, the bounds of DKS ({bounds['DKS']:.3f}) and ST-LR ({bounds['ST-LR']:.3f}) "
        f"{verb} below that of ST-L ({bounds['ST-L']:.3f} nats per frame), as in table 2."
    )
    return Comparison("table2", data, quick, tuple(rows), sentence, reached)


def table3(data: str, *, quick: bool, show: Show) -> Comparison:
    """Compare DMM and DMM-Aug with the paper's results.

    Args:
        data: name of a polyphonic data set.
        quick: whether to train small models, which takes a few minutes.
        show: called with sentences about the progress.
    """
    return _against_paper("table3", {"DMM": "paper-dmm", "DMM-Aug": "paper-aug"}, data, quick, show)


def table4(data: str, *, quick: bool, show: Show) -> Comparison:
    """Compare DMM-Aug-NADE with the paper's results.

    Args:
        data: name of a polyphonic data set.
        quick: whether to train small models, which takes a few minutes.
        show: called with sentences about the progress.
    """
    return _against_paper("table4", {"DMM-Aug-NADE": "paper-aug-nade"}, data, quick, show)


def _against_paper(
    experiment: str, presets: dict[str, str], data: str, quick: bool, show: Show
) -> Comparison:
    known = {row.title: row for row in published(data)}
    rows, sentences, reached = [], [], True
    for title, name in presets.items():
        reference = {c: getattr(known[title], c) for c in _COLUMNS} if title in known else {}
        row = _row(experiment, title, _config(name, data, quick), reference, quick, show)
        rows.append(row)
        said = [f"{c.replace('_', ' ')} {row.found[c]:.3f}" for c in _COLUMNS[:2]]
        if reference:
            said = [f"{s} against {reference[c]:.3f}" for s, c in zip(said, _COLUMNS, strict=False)]
            reached = reached and all(row.found[c] <= reference[c] for c in _COLUMNS[:2])
        sentences.append(f"{title}: {', '.join(said)}")
    source = "the paper's numbers" if known else "no published numbers to compare with"
    sentence = f"On {data}, nats a frame, with {source}: {'; '.join(sentences)}."
    return Comparison(experiment, data, quick, tuple(rows), sentence, reached)


def _config(name: str, data: str, quick: bool, **model: Any) -> RunConfig:
    start = preset(name)
    changes = {"model": model, "data": {"name": data}, "train": {}}
    if quick:
        small = preset("quick")
        keep = ("emission", "x_to_z", "x_to_x")
        model |= {key: getattr(start.model, key) for key in keep}
        changes["train"] = {
            "epochs": _QUICK_EPOCHS,
            "l2": start.train.l2,
            "penalty_pattern": start.train.penalty_pattern,
            "anneal_updates": min(small.train.anneal_updates, start.train.anneal_updates),
        }
        start = small
    values = start.model_dump()
    return RunConfig.model_validate({s: values[s] | changes[s] for s in values})


def _row(
    experiment: str,
    title: str,
    config: RunConfig,
    reference: dict[str, float],
    quick: bool,
    show: Show,
) -> Row:
    short = ", quick" if quick else ""
    run = train_run(config, name=f"{title} on {config.data.name} ({experiment}{short})", show=show)
    found = measured(run, samples=_SAMPLES[quick], show=show)
    columns = (*_COLUMNS, "standard_error", "smc_nll", "smc_standard_error")
    known = {c: found[c] for c in columns} | {"median_ess": found["ess"]["median"]}
    return Row(title, known, reference, run.id)
