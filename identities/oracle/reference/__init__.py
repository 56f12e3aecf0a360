"""What is right: linear maps, witnesses, and the unit of rounding."""
