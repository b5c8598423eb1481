"""What all pages share once the site is known: page chrome, errors, drafts, media, guards."""
