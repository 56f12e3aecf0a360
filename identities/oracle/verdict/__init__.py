"""The verdict: what to try, whether it is right, and the smallest case in which it is not."""
