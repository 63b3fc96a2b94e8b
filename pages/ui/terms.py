"""One-sentence definitions of terms, for the help texts of all pages."""

__all__ = ["KL", "NLL", "SEQUENCE"]

NLL = "The expected negative log-likelihood of x given z, -log p(x given z), under the posterior."

KL = "The KL divergence from the prior to the posterior of the latent state z."

SEQUENCE = (
    "A sequence is one piece of music or one record. The number in the label is the number of "
    "sequences in the split. Type to search by name."
)
