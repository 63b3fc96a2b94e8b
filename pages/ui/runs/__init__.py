"""The parts of the Runs page, and what other pages share of them."""
