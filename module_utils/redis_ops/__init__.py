"""The domain of this project: what a Redis is asked to be, what it is, and the way from one to the other."""
