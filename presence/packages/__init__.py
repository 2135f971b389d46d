"""Event packages, one module each: what is published, who may see it, and the document that he sees."""
