"""Job queues on a server: which ones there are, of any library, and how those of BullMQ are. Reads only."""
