"""What a check found, for people and for machines. Runs on the control node; reads no host and no Redis.

shape <- answers, load_answers, load_results (what hosts say, taken apart once) <- waivers <- document (the one record that all
outputs are made from) <- text, junit, prometheus, page (for HTML).
"""
