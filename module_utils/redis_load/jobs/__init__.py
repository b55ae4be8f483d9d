"""The load of real BullMQ jobs on one Redis."""
