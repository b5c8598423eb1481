"""Appeals: what campers write, and blind second reviews of decisions."""
