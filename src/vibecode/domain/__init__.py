"""Pure rules of the product: no input, no output, no clock of its own, no framework."""
