"""Deep Markov Models (Krishnan, Shalit, Sontag, AAAI 2017): model, training, evaluation, music."""

__all__ = ["__version__"]

__version__ = "0.1.0"
