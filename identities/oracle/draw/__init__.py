"""Random shapes and values, from what a claim says of its arguments."""
