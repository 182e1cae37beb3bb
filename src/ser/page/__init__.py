"""What the pages have in common: one look, one script, pictures as SVG. Each is one file that needs no network."""
