"""Model bundles as processes speak of them: where they lie, which one is wanted, how a challenger does."""
