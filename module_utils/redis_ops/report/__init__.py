"""What a check found, for people and for machines. Runs on the control node; reads no host and no Redis.

waivers <- document (the one record that all outputs are made from) <- text, junit, prometheus, page (for HTML).
"""
