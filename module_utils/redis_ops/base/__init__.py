"""What everything else stands on: errors, findings, files, engines and units."""
