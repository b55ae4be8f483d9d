"""What is declared against what was found: comparison, plan, and what a plan must not do. Pure."""
