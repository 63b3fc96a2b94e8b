"""One array of an untrusted .npy member: its header is checked, and nothing is ever unpickled.

Source: NumPy Enhancement Proposal 1 (NEP 1), "A Simple File Format for NumPy Arrays".
"""

import math
import re

import numpy as np

from dmm_core.errors import UploadError

__all__ = ["MAX_HEADER", "read_npy"]

MAX_HEADER = 4096
"""Bytes of a header."""

_MAGIC = b"\x93NUMPY"
# numpy pads the header with spaces; Python 2 wrote an L behind the digits of a shape.
_HEADER = re.compile(
    r"\{ *'descr': *(?P<descr>'[<>|=][?a-zA-Z]\d*'|\[.*\]), *"
    r"'fortran_order': *(?P<fortran>True|False), *"
    r"'shape': *\((?P<shape>[\d, L]*)\),? *\}[ \n]*",
    re.DOTALL,
)
_DTYPES = re.compile(r"[<>|=](\?|b1|[iu][1248]|f[248])")
_MAX_DIMENSIONS = 3


def read_npy(data: bytes, name: str) -> np.ndarray:
    """The array of numbers or booleans in `data`; it shares their memory.

    Args:
        data: a whole .npy file.
        name: what to call the array in a sentence.

    Raises:
        UploadError: in one plain sentence, if the array is refused.
    """
    if data[:6] != _MAGIC:
        raise UploadError(f"The npz file has {name} that is no array: it does not begin as .npy.")
    version, width = data[6:7], 2 if data[6:7] == b"\x01" else 4
    start = 8 + width
    length = int.from_bytes(data[8:start], "little")
    if version not in (b"\x01", b"\x02", b"\x03") or not 0 < length <= MAX_HEADER:
        raise UploadError(f"The npz file has {name} with a header that is not well-formed.")
    match = _HEADER.fullmatch(data[start : start + length].decode("latin-1"))
    if len(data) < start + length or not match:
        raise UploadError(f"The npz file has {name} with a header that is not well-formed.")
    descr = match["descr"].strip("'")
    if not _DTYPES.fullmatch(descr):
        what = "Python objects, which are never loaded" if "O" in descr else "no plain numbers"
        raise UploadError(f"The npz file has {name} that holds {what}.")
    shape = [int(digits[:20]) for digits in re.findall(r"\d+", match["shape"])]
    if len(shape) > _MAX_DIMENSIONS:
        raise UploadError(
            f"The npz file has {name} with {len(shape)} dimensions, but at most {_MAX_DIMENSIONS} "
            "are read."
        )
    dtype = np.dtype(descr)
    claimed, held = math.prod(shape) * dtype.itemsize, len(data) - start - length
    if claimed != held:
        raise UploadError(
            f"The npz file has {name} whose header claims {claimed:,} bytes, but it holds {held:,}."
        )
    order = "F" if match["fortran"] == "True" else "C"
    return np.frombuffer(data, dtype, offset=start + length).reshape(shape, order=order)
