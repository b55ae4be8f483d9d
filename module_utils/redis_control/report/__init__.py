"""What a check found, for people and for machines. Runs on the control node; reads no host and no Redis.

shape <- answers, load_answers, load_results (what hosts say, taken apart once) <- waivers <- document, load_record, checklist
(the record of one check, as programs read it). blocks <- model <- drift_document, load_document, readiness,
comparison_document (a record as the one typed document) <- text, record, junit, prometheus, html (one renderer each)
<- outputs (the files of one report).
"""
