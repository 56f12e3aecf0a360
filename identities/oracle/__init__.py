"""How a claim is put to the test: arguments -> witness -> tolerance -> trial -> verify -> report."""
