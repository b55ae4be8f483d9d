"""What is decided about a load test: its plan, its thresholds, its verdict, and how it compares with others."""
