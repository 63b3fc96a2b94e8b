"""The paper's tables and figures, one function each, for the command `reproduce`."""
