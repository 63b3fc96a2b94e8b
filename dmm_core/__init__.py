"""Deep Markov Models of music and other sequences (Krishnan, Shalit, Sontag, AAAI 2017).

The usual steps have their names here: `load_dataset` gives the data, `build_model` a model for
them, `fit` trains it and `evaluate` measures it. `load_run` opens a trained model, which `sample`,
`continuation` and `infill` then compose with. The packages hold the rest: `dmm_core.nn` the parts
of a model, `dmm_core.inference` what can be computed with one, `dmm_core.music` notes, MIDI and
audio, `dmm_core.exact` algorithms with exact answers, and `dmm_core.runs` trainings that survive
the process.

A name is imported when it is first used. `import dmm_core` itself takes milliseconds and does not
load PyTorch.
"""

import os

import lazy_loader

__version__ = "0.1.0"

# OpenMP reads this once, when torch loads it. By default its threads spin for a long while before
# they sleep, and a second busy process or session on the same cores then slows a training down
# tenfold and more; this short a spin costs nothing alone (docs/decisions.md has the measurements).
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
