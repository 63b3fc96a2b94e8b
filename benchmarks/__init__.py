"""What things cost: plain measurements, run with `make bench`; README.md tells how to read them."""
