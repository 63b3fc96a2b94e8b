"""The one error tree: everything this package raises on purpose is a `DMMError`.

A message is one plain sentence for a person: what is wrong, what was given, what is allowed.
"""

__all__ = ["ConfigError", "DMMError", "DataError", "RunError", "StorageError", "UploadError"]


class DMMError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigError(DMMError):
    """A configuration that cannot be built; the message names every faulty field at once."""


class DataError(DMMError):
    """Data that cannot be loaded, or that does not fit the model asked to explain it."""


class UploadError(DataError):
    """An untrusted file that was refused; the message may be shown as it stands."""


class StorageError(DMMError):
    """Something that the disk, or the room that it may take there, does not allow to be kept."""


class RunError(DMMError):
    """A run that cannot be found, read, continued or written."""
