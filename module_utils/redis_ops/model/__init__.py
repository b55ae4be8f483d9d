"""From what the inventory says to a desired state, and redis.conf in and out.."""
