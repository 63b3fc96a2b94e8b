"""The parts of the Latent page, a view each."""
