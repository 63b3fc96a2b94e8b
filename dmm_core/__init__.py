"""Deep Markov Models (Krishnan, Shalit, Sontag, AAAI 2017): model, training, evaluation, music."""
