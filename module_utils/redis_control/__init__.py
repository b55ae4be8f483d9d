"""What runs on the control node only. It is never sent to a host."""
