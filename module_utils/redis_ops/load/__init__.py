"""What a load did to a server: two snapshots around it, what changed between them, and whether that is good enough.

snapshot (reads a server) <- window (two of them, pure) <- thresholds (limits as data) <- verdict (pure).
"""
