"""Data: `Sequences`, the data sets that produce them, uploads, and batches for a model.

`registry.load_dataset` turns a name into training, validation and test splits. Each family of data
sets has a module of its own, and `uploads` reads files of other people. `batching` pads ragged
sequences into a `SequenceBatch`; it is the only module here that imports torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
