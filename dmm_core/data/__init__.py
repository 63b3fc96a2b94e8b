"""Data: sequences, data sets, uploads, and batches for a model.

`registry.load_dataset` loads a data set by its name as train, valid and test splits. Each family of
data sets has its own module, and `uploads` reads files of users. `batching` pads sequences of
different lengths into a `SequenceBatch`; it is the only module of this package that imports torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
