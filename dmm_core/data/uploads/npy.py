"""Reads one array of an untrusted .npy file; the header is checked, and nothing is unpickled.

Source: NumPy Enhancement Proposal 1 (NEP 1), "A Simple File Format for NumPy Arrays".
"""

import math
import re

import numpy as np

from dmm_core.errors import UploadError

__all__ = ["MAX_HEADER", "read_npy"]

MAX_HEADER = 4096
"""Largest size of a header in bytes."""

_MAGIC = b"\x93NUMPY"
# numpy pads the header with spaces. Under Python 2 it wrote an L after the digits of a shape.
_HEADER = re.compile(
    r"\{ *'descr': *(?P<descr>'[<>|=][?a-zA-Z]\d*'|\[.*\]), *"
    r"'fortran_order': *(?P<fortran>True|False), *"
    r"'shape': *\((?P<shape>[\d, L]*)\),? *\}[ \n]*",
    re.DOTALL,
)
_DTYPES = re.compile(r"[<>|=](\?|b1|[iu][1248]|f[248])")
_MAX_DIMENSIONS = 3


def read_npy(data: bytes, name: str) -> np.ndarray:
    """Return the array of numbers or booleans in `data`; the array shares the memory of `data`.

    Args:
        data: content of a .npy file.
        name: name of the array in messages.

    Raises:
        UploadError: if the file is damaged, or the array has another type or too many dimensions.
    """
    if data[:6] != _MAGIC:
        raise UploadError(f"In the npz file, {name} is not an array: it does not begin as .npy.")
    version, width = data[6:7], 2 if data[6:7] == b"\x01" else 4
    start = 8 + width
    length = int.from_bytes(data[8:start], "little")
    if version not in (b"\x01", b"\x02", b"\x03") or not 0 < length <= MAX_HEADER:
        raise UploadError(f"In the npz file, the header of {name} is not well-formed.")
    match = _HEADER.fullmatch(data[start : start + length].decode("latin-1"))
    if len(data) < start + length or not match:
        raise UploadError(f"In the npz file, the header of {name} is not well-formed.")
    descr = match["descr"].strip("'")
    if not _DTYPES.fullmatch(descr):
        what = "Python objects, which are never loaded" if "O" in descr else "no plain numbers"
        raise UploadError(f"In the npz file, {name} holds {what}.")
    # Digits are cut so that a hostile header cannot make int() slow.
    shape = [int(digits[:20]) for digits in re.findall(r"\d+", match["shape"])]
    if len(shape) > _MAX_DIMENSIONS:
        raise UploadError(
            f"In the npz file, {name} has {len(shape)} dimensions, but at most {_MAX_DIMENSIONS} "
            "are read."
        )
    dtype = np.dtype(descr)
    claimed, actual = math.prod(shape) * dtype.itemsize, len(data) - start - length
    if claimed != actual:
        raise UploadError(
            f"In the npz file, the header of {name} claims {claimed:,} bytes, but {name} holds "
            f"{actual:,}."
        )
    order = "F" if match["fortran"] == "True" else "C"
    return np.frombuffer(data, dtype, offset=start + length).reshape(shape, order=order)
