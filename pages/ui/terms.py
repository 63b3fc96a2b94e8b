"""The field's words in a sentence each, for the help of a label: the same on every page."""

__all__ = ["KL", "NLL", "SEQUENCE"]

NLL = "-log p(x given z): what x costs once the latent state is known."

KL = "How far the posterior is from the prior: what the latent state itself costs."

SEQUENCE = (
    "A sequence is one piece, frame after frame. The number says how many there are to choose "
    "from; type to find one by its name."
)
