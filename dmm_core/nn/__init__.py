"""The neural parts of the model; plain numbers and tensors, never a configuration."""
