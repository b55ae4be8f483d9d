"""One look at a host and its instances. Changes nothing."""
