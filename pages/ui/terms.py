"""One-sentence definitions of terms, for the help texts of all pages."""

__all__ = ["KL", "NLL", "SEQUENCE"]

NLL = "The negative log-likelihood -log p(x given z), averaged over states z of the posterior."

KL = "The KL divergence between the posterior and the prior of the latent state z."

SEQUENCE = (
    "A sequence is one piece of music or one record. The number in the label is the number of "
    "sequences in the split. Type to search by name."
)
