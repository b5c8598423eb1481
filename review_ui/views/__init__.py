"""What pages and API show, read from the database into plain values. A view never shows what is hidden."""
