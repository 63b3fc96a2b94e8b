"""Data sets, uploads and batches: everything that turns a name or a file into `Sequences`."""
