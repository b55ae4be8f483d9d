"""What differs between machines: packages, units, paths, users, processes and the kernel."""
