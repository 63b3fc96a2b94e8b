"""Exceptions of the package: every error that it raises deliberately is a `DMMError`.

Each message is one sentence for the user: what is wrong, what was given and what is allowed.
"""

__all__ = ["ConfigError", "DMMError", "DataError", "RunError", "StorageError", "UploadError"]


class DMMError(Exception):
    """Base class of every error that this package raises deliberately.

    Example:
        >>> from dmm_core import DMMError, preset
        >>> try:
        ...     preset("huge")
        ... except DMMError as error:
        ...     print(error)
        There is no preset 'huge'; the presets are quick, classroom, series, paper-dmm, ...
    """


class ConfigError(DMMError):
    """A configuration is invalid; the message lists all invalid fields together."""


class DataError(DMMError):
    """Data cannot be loaded, or a model cannot be applied to them."""


class UploadError(DataError):
    """An untrusted file was refused; the message may be shown to the user unchanged."""


class StorageError(DMMError):
    """There is not enough free space on the disk, or a storage quota is used up."""


class RunError(DMMError):
    """A run cannot be found, read, continued or written."""
