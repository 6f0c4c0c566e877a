"""make bench: what requests cost, as ratios within one run."""
